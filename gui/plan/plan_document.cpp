// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan/plan_document.h"

#include <QFileInfo>
#include <QUndoCommand>
#include <utility>

#include "base/save_file.h"
#include "base/text.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"

namespace twill::gui {
namespace {

constexpr int kMostUndoSteps = 500;

bool same(const Plan& a, const Plan& b) {
  return a.name == b.name && a.model == b.model && a.patterns == b.patterns &&
         a.segments == b.segments && a.solved_for == b.solved_for && a.budget == b.budget &&
         a.dense_first_layers == b.dense_first_layers && a.fixed_heads == b.fixed_heads &&
         a.expert_boundary == b.expert_boundary && a.provenance == b.provenance &&
         a.profile == b.profile;
}

}  // namespace

class EditCommand : public QUndoCommand {
 public:
  EditCommand(PlanDocument& document, const QString& text, std::shared_ptr<const Plan> before,
              std::shared_ptr<const Plan> after, int merge_id)
      : QUndoCommand(text),
        document_(document),
        before_(std::move(before)),
        after_(std::move(after)),
        merge_id_(merge_id) {}

  int id() const override { return merge_id_; }
  bool mergeWith(const QUndoCommand* other) override {
    after_ = static_cast<const EditCommand*>(other)->after_;
    setText(other->text());  // what undo takes back is what stands there now
    return true;
  }
  void redo() override { document_.show(after_); }
  void undo() override { document_.show(before_); }

 private:
  PlanDocument& document_;
  std::shared_ptr<const Plan> before_, after_;
  int merge_id_;
};

PlanDocument::PlanDocument(QObject* parent) : QObject(parent) {
  undo_.setUndoLimit(kMostUndoSteps);
  connect(&undo_, &QUndoStack::cleanChanged, this, &PlanDocument::title_changed);
}

void PlanDocument::show(std::shared_ptr<const Plan> plan) {
  plan_ = std::move(plan);
  Q_EMIT changed();
}

bool PlanDocument::changed_on_disk() const {
  const QString now = file_.isEmpty() ? QString() : state_of_file(file_);
  return !now.isEmpty() && now != file_state_;
}

void PlanDocument::open(const QString& file) {
  // Before it is read: what is written from here on counts as changed.
  const QString state = state_of_file(file);
  take(std::make_shared<const Plan>(read_plan(path_from_qt(file))), file, /*modified=*/false,
       state);
}

void PlanDocument::take(std::shared_ptr<const Plan> plan, const QString& file, bool modified,
                        const std::optional<QString>& file_state) {
  undo_.clear();
  if (modified) {
    undo_.resetClean();
  }
  plan_ = std::move(plan);
  file_ = file.isEmpty() ? QString() : QFileInfo(file).absoluteFilePath();
  file_state_ = file_state ? *file_state : state_of_file(file_);
  measured_ = measured_beside(file);
  Q_EMIT replaced();
  Q_EMIT changed();
  Q_EMIT title_changed();
}

void PlanDocument::edit(const QString& text, Plan after, int merge_id) {
  TWILL_ASSERT(plan_ != nullptr);
  if (same(*plan_, after)) {
    return;
  }
  check_plan(after);
  undo_.push(new EditCommand(*this, text, plan_, std::make_shared<const Plan>(std::move(after)),
                             merge_id));
}

void PlanDocument::save_as(const QString& file) {
  TWILL_ASSERT(plan_ != nullptr);
  const QString obstacle = why_read_only(file);
  require(obstacle.isEmpty(), ErrorCode::kUsage, from_qt(obstacle));
  write_plan(path_from_qt(file), *plan_);
  file_ = QFileInfo(file).absoluteFilePath();
  file_state_ = state_of_file(file_);
  undo_.setClean();
  Q_EMIT title_changed();
}

void PlanDocument::add_measured(MeasuredClip clip) {
  measured_.push_back(std::move(clip));
  Q_EMIT measured_changed();
}

}  // namespace twill::gui
