// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// All that is known of one head: its map, where it looks in the video, what each candidate would
// cost and lose, and how its error goes over t.
#pragma once

#include <QWidget>
#include <map>
#include <memory>
#include <optional>

#include "heads/attention_image.h"
#include "plan/plan_edits.h"
#include "plan/predictor.h"

class QCheckBox;
class QLabel;
class QPushButton;
class QTabWidget;

namespace twill::gui {

class AttentionView;
class Chart;
class Theme;
class VideoGridView;

// Maps of single tokens, as a run showed them.
struct CapturedMaps {
  double t = 0.0;
  std::map<HeadRef, HeadMap> maps;
};

class HeadInspector : public QWidget {
  Q_OBJECT

 public:
  explicit HeadInspector(const Theme& theme, QWidget* parent = nullptr);

  // Empty head: nothing is selected.
  void show_head(const std::shared_ptr<const Plan>& plan,
                 const std::shared_ptr<const Predictor>& predictor, std::size_t segment,
                 const std::optional<HeadRef>& head);

  // Where a head has a captured map, that map is shown instead of the profile's, unless the user
  // wants the profile's. Maps of other heads that were captured before stay.
  void add_captured(const CapturedMaps& captured);
  void forget_captured();

  AttentionView& attention() { return *attention_; }
  VideoGridView& video() { return *video_; }
  Chart& candidates() { return *candidates_; }
  Chart& over_t() { return *over_t_; }

 Q_SIGNALS:
  // A candidate was picked in the chart of error against cost.
  void pattern_wanted(const twill::Pattern& pattern);
  // Maps of the selected heads are to be captured.
  void detail_wanted();

 private:
  QWidget* make_title_bar();
  void show_map();
  void draw_candidates(const Plan& plan, const Predictor& predictor, std::size_t segment,
                       const HeadRef& head);
  void draw_over_t(const Plan& plan, const Predictor& predictor, const HeadRef& head,
                   const Pattern& pattern);

  const Theme& theme_;
  QLabel* title_ = nullptr;
  QCheckBox* detailed_ = nullptr;
  QPushButton* capture_ = nullptr;
  QTabWidget *pictures_ = nullptr, *charts_ = nullptr;
  AttentionView* attention_ = nullptr;
  VideoGridView* video_ = nullptr;
  Chart *candidates_ = nullptr, *over_t_ = nullptr;
  std::vector<Pattern> drawn_;  // of the chart's points
  struct Captured {
    double t = 0.0;
    HeadMap map;
  };
  std::map<HeadRef, Captured> captured_;
  // What is shown.
  std::shared_ptr<const Plan> plan_;
  std::optional<HeadRef> head_;
  Pattern pattern_;
  QString why_not_;
};

}  // namespace twill::gui
