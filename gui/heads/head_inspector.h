// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// All that is known of one head: its map, where it looks in the video, what each candidate would
// cost and lose, and how its error goes over t.
#pragma once

#include <QWidget>
#include <memory>
#include <optional>

#include "plan/plan_edits.h"
#include "plan/predictor.h"

class QLabel;
class QTabWidget;

namespace twill::gui {

class AttentionView;
class Chart;
class Theme;
class VideoGridView;

class HeadInspector : public QWidget {
  Q_OBJECT

 public:
  explicit HeadInspector(const Theme& theme, QWidget* parent = nullptr);

  // Empty head: nothing is selected.
  void show_head(const std::shared_ptr<const Plan>& plan,
                 const std::shared_ptr<const Predictor>& predictor, std::size_t segment,
                 const std::optional<HeadRef>& head);

  AttentionView& attention() { return *attention_; }
  VideoGridView& video() { return *video_; }
  Chart& candidates() { return *candidates_; }
  Chart& over_t() { return *over_t_; }

 Q_SIGNALS:
  // A candidate was picked in the chart of error against cost.
  void pattern_wanted(const twill::Pattern& pattern);

 private:
  void draw_candidates(const Plan& plan, const Predictor& predictor, std::size_t segment,
                       const HeadRef& head);
  void draw_over_t(const Plan& plan, const Predictor& predictor, const HeadRef& head,
                   const Pattern& pattern);

  const Theme& theme_;
  QLabel* title_ = nullptr;
  QTabWidget *pictures_ = nullptr, *charts_ = nullptr;
  AttentionView* attention_ = nullptr;
  VideoGridView* video_ = nullptr;
  Chart *candidates_ = nullptr, *over_t_ = nullptr;
  std::vector<Pattern> drawn_;  // of the chart's points
};

}  // namespace twill::gui
