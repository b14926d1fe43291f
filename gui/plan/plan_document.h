// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The plan that the window shows and edits.
#pragma once

#include <QObject>
#include <QString>
#include <QUndoStack>
#include <memory>
#include <optional>

#include "plan/measured_quality.h"
#include "twill/plan/plan.h"

namespace twill::gui {

// A plan is a value: an edit puts a changed copy in its place (profile and undo history share what
// they can), so that threads may keep what they were given.
class PlanDocument : public QObject {
  Q_OBJECT

 public:
  explicit PlanDocument(QObject* parent = nullptr);

  // Null until one was opened.
  std::shared_ptr<const Plan> plan() const { return plan_; }
  // Absolute; empty for a plan that no file holds yet.
  QString file() const { return file_; }
  // As it was when the plan was read from it or written to it (state_of_file).
  QString file_state() const { return file_state_; }
  // The file holds something that was neither opened nor saved here.
  bool changed_on_disk() const;
  bool modified() const { return !undo_.isClean(); }
  QUndoStack& undo_stack() { return undo_; }

  // Throws Error(kFile); the document is then as it was.
  void open(const QString& file);
  // A plan that was made or read elsewhere; `modified` says whether closing loses it, `file_state`
  // how `file` was when its plan was read (none: as it is now).
  void take(std::shared_ptr<const Plan> plan, const QString& file, bool modified,
            const std::optional<QString>& file_state = {});
  // One undoable step, unless nothing differs. Throws Error when `after` does not pass check_plan.
  // Steps with the same `merge_id` >= 0 one after another become one.
  void edit(const QString& text, Plan after, int merge_id = -1);
  // Throws Error(kSystem), or Error(kUsage) for a file that stays as it is (why_read_only); the
  // file is then as it was. With the profile inside, where there is one.
  void save_as(const QString& file);

  // Clips of this plan and of its earlier states, of its search and of this window.
  const std::vector<MeasuredClip>& measured() const { return measured_; }
  void add_measured(MeasuredClip clip);

 Q_SIGNALS:
  // Another plan stands here.
  void replaced();
  // An edit, an undo or a redo; or replaced.
  void changed();
  void measured_changed();
  // File or "modified" changed.
  void title_changed();

 private:
  friend class EditCommand;
  void show(std::shared_ptr<const Plan> plan);

  std::shared_ptr<const Plan> plan_;
  QString file_, file_state_;
  QUndoStack undo_;
  std::vector<MeasuredClip> measured_;
};

}  // namespace twill::gui
