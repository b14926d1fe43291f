// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan/quality_solver.h"

#include <QScopedValueRollback>
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "plan/plan_document.h"
#include "twill/plan/error.h"
#include "twill/search/solved_for.h"

namespace twill::gui {
namespace {

constexpr std::int32_t kFrontPoints = 33;

// What a fixed head has; it is the same in all sparse segments unless somebody edited one of them
// since, then that of the last counts.
std::vector<FixedLook> fixed_looks(const Plan& plan) {
  std::vector<FixedLook> fixed;
  for (const HeadRef& head : fixed_heads(plan)) {
    for (std::size_t i = plan.segments.size(); i-- > 0;) {
      if (!plan.segments[i].dense) {
        fixed.push_back({.head = head,
                         .pattern = pattern_of(plan, i, head),
                         .precision = precision_at(plan, i, head.expert, head.head)});
        break;
      }
    }
  }
  return fixed;
}

std::int32_t sparse_segments(const Plan& plan) {
  return static_cast<std::int32_t>(
      std::count_if(plan.segments.begin(), plan.segments.end(),
                    [](const Segment& segment) { return !segment.dense; }));
}

// Dense steps at the start are an early decision of the search; the slider keeps them.
std::int32_t dense_first_steps(const Plan& plan, const report::SolvedRun& run) {
  std::int32_t steps = 0;
  for (const search::Forward& forward : run.forwards) {
    if (!plan.segments[static_cast<std::size_t>(segment_at(plan, forward.t))].dense) {
      break;
    }
    ++steps;
  }
  return steps;
}

}  // namespace

struct QualitySolver::Made {
  std::shared_ptr<const Plan> plan;
  std::vector<FixedLook> fixed;
  std::shared_ptr<const Predictor> predictor;
  std::shared_ptr<const search::Solver> solver;
  std::vector<search::FrontPoint> front;
  double least_budget = 0.0;

  void make();
};

void QualitySolver::Made::make() {
  if (!predictor) {
    predictor = std::make_shared<const Predictor>(plan->profile, report::solved_run(*plan));
  }
  const report::SolvedRun& run = predictor->run();
  const search::SolvedFor solved_for = search::solved_for(*plan);
  search::SolveRequest request{
      .forwards = run.forwards,
      .layout = run.layout,
      .weight = run.weight,
      .max_segments = std::max(sparse_segments(*plan), 4),
      .int8_error_share = plan->profile->int8_error.empty() ? 0.0 : search::kInt8ErrorShare,
      .name = plan->name,
      .sampler = solved_for.sampler,
      .scheduler = solved_for.scheduler,
      .shift = solved_for.shift,
      .attach_profile = true};
  const std::int32_t first = dense_first_steps(*plan, run);
  if (first < static_cast<std::int32_t>(run.forwards.size())) {
    request.dense_first_steps = first;
  }
  for (const auto& [head, pattern, precision] : fixed) {
    // The solver takes candidates only; others are put back after it.
    if (predictor->candidate(pattern)) {
      const HeadSite site = head_site(plan->model, head.head);
      request.fixed.push_back({.expert = static_cast<std::int32_t>(head.expert),
                               .stack = static_cast<std::int32_t>(site.stack),
                               .layer = site.layer,
                               .head = site.head,
                               .pattern = pattern,
                               .precision = precision});
    }
  }
  solver = std::make_shared<const search::Solver>(plan->profile, request);
  least_budget = solver->least_budget();
  front = solver->pareto_front(kFrontPoints);
}

QualitySolver::QualitySolver(PlanDocument& document, QObject* parent)
    : QObject(parent), document_(document) {
  connect(&document_, &PlanDocument::changed, this, &QualitySolver::document_changed);
  connect(&job_, &JobThread::ended, this, &QualitySolver::take);
  document_changed();
}

QualitySolver::~QualitySolver() = default;

bool QualitySolver::stale() const {
  const std::shared_ptr<const Plan> plan = document_.plan();
  const std::shared_ptr<const Profile> profile = plan ? plan->profile : nullptr;
  return profile != profile_ || (profile && fixed_looks(*plan) != fixed_);
}

void QualitySolver::document_changed() {
  if (!solving_ && stale() && !job_.running()) {
    start();
  }
}

void QualitySolver::start() {
  const std::shared_ptr<const Plan> plan = document_.plan();
  const bool same_profile = plan && plan->profile == profile_;
  profile_ = plan ? plan->profile : nullptr;
  fixed_ = profile_ ? fixed_looks(*plan) : std::vector<FixedLook>{};
  if (!same_profile) {
    predictor_.reset();
    front_.clear();
  }
  solver_.reset();
  if (profile_) {
    making_ = std::make_shared<Made>();
    making_->plan = plan;
    making_->fixed = fixed_;
    making_->predictor = predictor_;
    job_.start([made = making_](const jobs::JobControl&) { made->make(); });
  }
  Q_EMIT prepared();
}

void QualitySolver::take(const jobs::Outcome& outcome) {
  const std::shared_ptr<Made> made = std::exchange(making_, nullptr);
  if (stale()) {
    start();
    return;
  }
  predictor_ = made->predictor;
  solver_ = made->solver;
  least_budget_ = made->least_budget;
  front_ = std::move(made->front);
  Q_EMIT prepared();
  if (outcome.kind == jobs::OutcomeKind::kFailed) {
    Q_EMIT failed(to_qt(outcome.text));
  }
}

std::optional<PlanNumbers> QualitySolver::numbers() const {
  if (!predictor_ || !document_.plan()) {
    return {};
  }
  if (counted_plan_ != document_.plan() || counted_by_ != predictor_) {
    counted_plan_ = document_.plan();
    counted_by_ = predictor_;
    counted_ = predictor_->numbers(*counted_plan_);
  }
  return counted_;
}

std::optional<double> QualitySolver::quality() const {
  const std::optional<PlanNumbers> now = numbers();
  if (!now || !solver_) {
    return {};
  }
  return least_budget_ >= 1.0
             ? 1.0
             : std::clamp((now->density - least_budget_) / (1.0 - least_budget_), 0.0, 1.0);
}

void QualitySolver::set_quality(double quality, int gesture) {
  if (!solver_ || !document_.plan()) {
    return;
  }
  const double budget = std::max(solver_->budget_for_quality(quality), least_budget_);
  Plan plan = solver_->solve(budget).plan;
  search::keep_the_rest(*document_.plan(), plan);
  for (const auto& [head, pattern, precision] : fixed_) {
    std::vector<std::size_t> sparse;
    for (std::size_t i = 0; i < plan.segments.size(); ++i) {
      if (!plan.segments[i].dense) {
        sparse.push_back(i);
      }
    }
    if (!predictor_->candidate(pattern)) {
      plan = with_precision(with_pattern(std::move(plan), sparse, {head}, pattern), sparse, {head},
                            precision);
    }
  }
  const QScopedValueRollback guard(solving_, true);
  document_.edit(tr("Quality %1 %").arg(qRound(quality * 100)), std::move(plan), gesture);
}

}  // namespace twill::gui
