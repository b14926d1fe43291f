// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What differs between two plans of one model? Both maps side by side, the heads that differ framed
// and listed, the numbers of both.
#pragma once

#include <vector>

#include "base/page.h"
#include "heads/heads_model.h"
#include "plan/plan_document.h"
#include "plan/quality_solver.h"
#include "plan/session.h"

class QLabel;
class QTabBar;
class QTableWidget;

namespace twill::gui {

class HeadsMap;

class ComparePage : public Page {
  Q_OBJECT

 public:
  // `mine` is the solver of the open plan.
  ComparePage(const Session& session, QualitySolver& mine);

  QString id() const override { return QStringLiteral("compare"); }
  QString title() const override { return tr("Compare"); }
  QString icon_name() const override { return QStringLiteral("compare"); }
  QKeySequence shortcut() const override { return {Qt::CTRL | Qt::Key_2}; }
  QWidget* widget() override { return widget_; }

  // False, with the reason shown on the page, for a file that is no plan or of another model.
  bool open_other(const QString& file);
  // The open plan as it is now.
  void keep_current();
  const HeadsModel& left() const { return left_; }
  const HeadsModel& right() const { return right_; }
  PlanDocument& other() { return other_; }

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void refresh();
  void fill_table();
  void show_row(int row);

  Session session_;
  QualitySolver& mine_;
  PlanDocument other_;
  QualitySolver theirs_;
  HeadsModel left_, right_;
  std::shared_ptr<const Profile> shown_;  // of the plan whose segment was chosen for it
  QWidget* widget_ = nullptr;
  HeadsMap *left_map_ = nullptr, *right_map_ = nullptr;
  QLabel *left_text_ = nullptr, *right_text_ = nullptr, *note_ = nullptr;
  QTabBar *stacks_ = nullptr, *segments_ = nullptr;
  QTableWidget* table_ = nullptr;
  bool stale_ = false;  // something changed while the page was hidden
};

}  // namespace twill::gui
