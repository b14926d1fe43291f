// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "heads/head_inspector.h"

#include <QCheckBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QTabWidget>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "base/chart.h"
#include "base/text.h"
#include "base/theme.h"
#include "heads/attention_view.h"
#include "heads/video_grid_view.h"

namespace twill::gui {

HeadInspector::HeadInspector(const Theme& theme, QWidget* parent) : QWidget(parent), theme_(theme) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->addWidget(make_title_bar());

  pictures_ = new QTabWidget(this);
  attention_ = new AttentionView(theme, pictures_);
  video_ = new VideoGridView(theme, pictures_);
  pictures_->addTab(attention_, tr("Attention map"));
  pictures_->addTab(video_, tr("In the video"));
  column->addWidget(pictures_, 3);

  charts_ = new QTabWidget(this);
  candidates_ = new Chart(theme, tr("density, % of dense"), tr("head error"), charts_);
  candidates_->setObjectName(QStringLiteral("candidates_chart"));
  candidates_->set_log_y(true);
  over_t_ = new Chart(theme, tr("t (1: noise, 0: clean)"), tr("head error"), charts_);
  charts_->addTab(candidates_, tr("Candidates"));
  charts_->addTab(over_t_, tr("Error over t"));
  column->addWidget(charts_, 2);

  connect(attention_, &AttentionView::query_picked, video_, &VideoGridView::set_token);
  connect(candidates_, &Chart::picked, this, [this](int series, int point) {
    if (series == 0) {
      Q_EMIT pattern_wanted(drawn_.at(static_cast<std::size_t>(point)));
    }
  });
  show_head(nullptr, nullptr, 0, {});
}

QWidget* HeadInspector::make_title_bar() {
  auto* bar = new QWidget(this);
  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(0, 0, 0, 0);
  title_ = new QLabel(bar);
  title_->setWordWrap(true);
  row->addWidget(title_, 1);
  detailed_ = new QCheckBox(bar);
  detailed_->setObjectName(QStringLiteral("detailed"));
  detailed_->setChecked(true);
  detailed_->setToolTip(tr("The map of single tokens that was captured; else the profile's"));
  row->addWidget(detailed_);
  capture_ = new QPushButton(tr("Full &detail..."), bar);
  capture_->setObjectName(QStringLiteral("capture"));
  capture_->setToolTip(
      tr("Captures the selected heads' attention token by token from a run of the model"));
  row->addWidget(capture_);
  connect(detailed_, &QCheckBox::toggled, this, &HeadInspector::show_map);
  connect(capture_, &QPushButton::clicked, this, &HeadInspector::detail_wanted);
  return bar;
}

void HeadInspector::add_captured(const CapturedMaps& captured) {
  for (const auto& [head, map] : captured.maps) {
    captured_[head] = {.t = captured.t, .map = map};
  }
  show_map();
}

void HeadInspector::forget_captured() {
  captured_.clear();
  show_map();
}

void HeadInspector::show_map() {
  const auto captured = head_ ? captured_.find(*head_) : captured_.end();
  const bool has_detail = plan_ && captured != captured_.end();
  const bool has_profile = plan_ && head_ && plan_->profile;
  if (has_detail) {
    detailed_->setText(tr("Captured at t %1").arg(captured->second.t, 0, 'g', 3));
  }
  detailed_->setVisible(has_detail);
  detailed_->setEnabled(has_profile);
  capture_->setEnabled(plan_ && head_);
  if (!has_detail && !has_profile) {
    attention_->set_empty(why_not_);
    video_->set_empty(why_not_);
    return;
  }
  const HeadMap map = has_detail && (detailed_->isChecked() || !has_profile)
                          ? captured->second.map
                          : profile_map(plan_->profile, head_->expert, head_->head);
  attention_->set_map(map, pattern_);
  video_->set_map(map, pattern_);
}

void HeadInspector::show_head(const std::shared_ptr<const Plan>& plan,
                              const std::shared_ptr<const Predictor>& predictor,
                              std::size_t segment, const std::optional<HeadRef>& head) {
  QString why = tr("Select a head in the map.");
  if (plan && !plan->profile) {
    why =
        tr("This plan holds no profile: attention maps and errors cannot be shown. "
           "The Search page, or twill search, makes a plan with one.");
  }
  plan_ = plan;
  head_ = plan ? head : std::nullopt;
  why_not_ = why;
  for (Chart* chart : {candidates_, over_t_}) {
    chart->set_series({});
    chart->set_marker({});
    chart->set_empty_text(plan && plan->profile && head && !predictor ? tr("Being computed...")
                                                                      : why);
  }
  if (!plan || !head) {
    title_->setText(plan ? QString() : tr("No plan is open."));
    show_map();
    return;
  }
  const Pattern& pattern = pattern_of(*plan, segment, *head);
  pattern_ = pattern;
  const HeadSite site = head_site(plan->model, head->head);
  title_->setText(tr("%1, layer %2, head %3: %4")
                      .arg(to_qt(plan->model.stacks[site.stack].name))
                      .arg(site.layer)
                      .arg(site.head)
                      .arg(to_qt(describe_head(*plan, segment, head->expert, head->head))));
  show_map();
  if (predictor) {
    draw_candidates(*plan, *predictor, segment, *head);
    draw_over_t(*plan, *predictor, *head, pattern);
  }
}

void HeadInspector::draw_candidates(const Plan& plan, const Predictor& predictor,
                                    std::size_t segment, const HeadRef& head) {
  const Profile& profile = predictor.profile();
  const Segment& of = plan.segments[segment];
  ChartSeries series{.name = tr("candidates"), .colour = theme_.colours().muted};
  drawn_.clear();
  const search::Ledger& ledger = predictor.ledger();
  const search::TimeShares mean = ledger.mean_over(of.t_begin, of.t_end, head.expert);
  for (std::size_t i = 0; i < profile.candidates.size(); ++i) {
    const Pattern& pattern = profile.candidates[i];
    const double error = ledger.head_error(mean, head.expert, head.head, i);
    series.points.emplace_back(ledger.costs().density[i] * 100.0, error);
    series.colours.push_back(pattern_colour(pattern.kind));
    series.tool_tips.push_back(tr("%1\ndensity %2 %, head error %3")
                                   .arg(to_qt(describe(pattern)))
                                   .arg(series.points.back().x(), 0, 'f', 1)
                                   .arg(error, 0, 'g', 3));
    drawn_.push_back(pattern);
  }
  const Pattern& now = pattern_of(plan, segment, head);
  std::optional<QPointF> marker;
  if (const auto candidate = predictor.candidate(now)) {
    marker = series.points[*candidate];
  }
  candidates_->set_series({std::move(series)});
  candidates_->set_marker(marker, marker ? tr("in the plan") : QString());
}

void HeadInspector::draw_over_t(const Plan& /*plan*/, const Predictor& predictor,
                                const HeadRef& head, const Pattern& pattern) {
  const auto candidate = predictor.candidate(pattern);
  if (!candidate) {
    over_t_->set_empty_text(tr("The profile did not measure this pattern."));
    return;
  }
  const Profile& profile = predictor.profile();
  ChartSeries series{.name = tr("error"), .colour = theme_.colours().accent, .line = true};
  for (std::size_t i = 0; i < profile.t.size(); ++i) {
    series.points.emplace_back(profile.t[i], predictor.ledger().head_error(
                                                 profile.t[i], head.expert, head.head, *candidate));
  }
  over_t_->set_series({std::move(series)});
}

}  // namespace twill::gui
