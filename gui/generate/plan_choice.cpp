// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "generate/plan_choice.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QScopedValueRollback>

#include "base/text.h"
#include "plan/plan_document.h"
#include "twill/jobs/file_hash.h"
#include "twill/plan/error.h"

namespace twill::gui {
namespace {

const QString kDense = QStringLiteral("dense");
const QString kOpen = QStringLiteral("open");
const QString kOther = QStringLiteral("other");

}  // namespace

PlanChoice::PlanChoice(PlanDocument& document, QWidget* parent)
    : QComboBox(parent), document_(document), chosen_(kOpen) {
  setObjectName(QStringLiteral("plan_choice"));
  setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  connect(&document_, &PlanDocument::title_changed, this, &PlanChoice::refresh);
  connect(&document_, &PlanDocument::changed, this, &PlanChoice::refresh);
  connect(this, &QComboBox::currentIndexChanged, this, [this](int index) {
    if (refreshing_) {
      return;
    }
    if (itemData(index).toString() == kOther) {
      ask_for_file();
      return;
    }
    chosen_ = itemData(index).toString();
    Q_EMIT changed();
  });
  refresh();
}

void PlanChoice::refresh() {
  {
    const QScopedValueRollback filling(refreshing_, true);
    clear();
    addItem(tr("None: dense attention"), kDense);
    if (document_.plan()) {
      const QString name = document_.file().isEmpty() ? to_qt(document_.plan()->name)
                                                      : QFileInfo(document_.file()).fileName();
      addItem(tr("The open plan: %1").arg(name), kOpen);
    }
    for (const QString& file : files_) {
      addItem(QFileInfo(file).fileName(), file);
      setItemData(count() - 1, file, Qt::ToolTipRole);
    }
    addItem(tr("A plan file..."), kOther);
    setCurrentIndex(std::max(0, findData(chosen_)));
  }
  Q_EMIT changed();
}

void PlanChoice::ask_for_file() {
  const QString file =
      QFileDialog::getOpenFileName(this, tr("Choose plan"), document_.file(), tr("Plans (*.json)"));
  if (file.isEmpty()) {
    refresh();
  } else {
    choose_file(file);
  }
}

void PlanChoice::choose_file(const QString& file) {
  if (!files_.contains(file)) {
    files_.append(file);
  }
  chosen_ = file;
  refresh();
}

void PlanChoice::choose_dense() {
  chosen_ = kDense;
  refresh();
}

bool PlanChoice::dense() const { return currentData().toString() == kDense; }

bool PlanChoice::can_adapt() const {
  const bool is_open = currentData().toString() == kOpen;
  return !dense() && !(is_open && document_.plan() && !document_.plan()->profile);
}

void PlanChoice::fill(ClipRequest& request) const {
  const QString chosen = currentData().toString();
  if (chosen == kOpen) {
    request.plan = document_.plan();
    request.plan_name = document_.file().isEmpty() ? QStringLiteral("open plan.json")
                                                   : QFileInfo(document_.file()).fileName();
  } else if (chosen != kDense && chosen != kOther) {
    request.options.plan = path_from_qt(chosen);
  }
}

bool PlanChoice::choose_recorded(const report::ClipRecord& record) {
  QStringList candidates = files_;
  if (!document_.file().isEmpty()) {
    candidates.prepend(document_.file());
  }
  for (const QString& file : candidates) {
    if (QFileInfo(file).fileName() != to_qt(record.plan)) {
      continue;
    }
    try {
      if (jobs::file_fingerprint(path_from_qt(file)) == record.plan_fingerprint) {
        choose_file(file);
        return true;
      }
    } catch (const Error&) {
      // Gone since: not that plan any more.
    }
  }
  return false;
}

}  // namespace twill::gui
