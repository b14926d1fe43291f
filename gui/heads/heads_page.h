// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What do the heads do, and what should each compute? Map, inspector, edits and slider.
#pragma once

#include <QTimer>
#include <optional>
#include <vector>

#include "base/page.h"
#include "heads/heads_model.h"
#include "plan/quality_solver.h"
#include "plan/session.h"

class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QTabBar;
class QToolButton;

namespace twill::gui {

class HeadInspector;
class HeadsMap;
class PlanPanel;
class QualityPanel;

class HeadsPage : public Page {
  Q_OBJECT

 public:
  explicit HeadsPage(const Session& session);

  QString id() const override { return QStringLiteral("heads"); }
  QString title() const override { return tr("Heads"); }
  QString icon_name() const override { return QStringLiteral("heads"); }
  QKeySequence shortcut() const override { return {Qt::CTRL | Qt::Key_1}; }
  QWidget* widget() override { return widget_; }
  void save_state(QSettings& settings) const override;
  void restore_state(QSettings& settings) override;

  QualitySolver& solver() { return solver_; }
  HeadsModel& model() { return model_; }
  HeadsMap& map() { return *map_; }
  HeadInspector& inspector() { return *inspector_; }
  PlanPanel& edits() { return *edits_; }
  QualityPanel& quality() { return *quality_; }
  void play(bool on);
  bool playing() const { return player_.isActive(); }

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  QWidget* make_view_bar();
  QWidget* make_filter_bar();
  void document_replaced();
  void document_changed();
  void fill_segments();
  void show_segment(std::size_t segment);
  void show_selection();
  void inspect();
  std::vector<HeadRef> selected_heads() const;  // ascending
  std::optional<HeadRef> shown_head() const;    // in the inspector
  void capture();
  void filter_changed();
  void select_matching();
  void next_segment();

  Session session_;
  QualitySolver solver_;
  HeadsModel model_;
  double shown_t_ = 1.0;  // inside the segment that is shown, which edits may make another's index
  QTimer player_;
  QTimer inspect_soon_;  // edits that follow each other faster than it is drawn share one look
  QWidget* widget_ = nullptr;
  QTabBar *experts_ = nullptr, *stacks_ = nullptr, *segments_ = nullptr;
  QComboBox *measure_ = nullptr, *filter_kind_ = nullptr, *filter_measure_ = nullptr;
  QDoubleSpinBox* filter_least_ = nullptr;
  QToolButton* play_ = nullptr;
  HeadsMap* map_ = nullptr;
  HeadInspector* inspector_ = nullptr;
  PlanPanel* edits_ = nullptr;
  QualityPanel* quality_ = nullptr;
  QLabel* refusal_ = nullptr;
};

}  // namespace twill::gui
