// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/plan_figures.h"

#include <algorithm>
#include <cmath>

#include "twill/plan/error.h"
#include "twill/plan/names.h"
#include "twill/search/calibration.h"

namespace twill::report {
namespace {

// In the unit of the figures.
double cost_of(const PlanFigures& figures, const search::Cost& cost) {
  constexpr double kMillion = 1e6;
  return figures.cost_is_time ? cost.milliseconds : cost.cells / kMillion;
}

std::vector<LayerFigures> layers_of(const PlanFigures& figures, const search::PlanSums& sums) {
  std::vector<LayerFigures> layers;
  for (const StackShape& stack : figures.plan->model.stacks) {
    for (std::int32_t layer = 0; layer < stack.layers; ++layer) {
      const std::size_t at = layers.size();
      layers.push_back({.name = concat(stack.name, ".", layer),
                        .dense_cost = cost_of(figures, sums.dense_layer_cost[at]),
                        .plan_cost = cost_of(figures, sums.layer_cost[at]),
                        .error = sums.layer_error[at]});
    }
  }
  return layers;
}

SegmentFigures segment_of(const PlanFigures& figures, const search::PlanSums& sums,
                          std::size_t index) {
  const Segment& from = figures.plan->segments[index];
  const search::Ledger& ledger = *figures.ledger;
  const std::size_t heads = figures.profile->heads();
  SegmentFigures segment{.t_begin = from.t_begin,
                         .t_end = from.t_end,
                         .dense = from.dense,
                         .steps = sums.forwards[index],
                         .density = std::vector<double>(figures.plan->model.experts.size())};
  for (std::size_t i = 0; i < sums.heads[index].size(); ++i) {
    const search::PlanSums::Head& head = sums.heads[index][i];
    segment.heads.push_back({.pattern = from.dense ? -1 : from.heads[i / heads][i % heads].pattern,
                             .kind = figures.profile->candidates[head.candidate].kind,
                             .density = ledger.costs().density[head.candidate],
                             .head_error = head.head_error,
                             .error = head.error,
                             .cost = cost_of(figures, ledger.cost(head.candidate))});
    segment.density[i / heads] += segment.heads.back().density;
  }
  for (double& density : segment.density) {
    density /= static_cast<double>(heads);
  }
  return segment;
}

std::int32_t dense_steps(const PlanFigures& figures, bool from_the_end) {
  std::vector<search::Forward> forwards = figures.run.forwards;
  if (from_the_end) {
    std::reverse(forwards.begin(), forwards.end());
  }
  const Plan& plan = *figures.plan;
  const auto sparse =
      std::find_if(forwards.begin(), forwards.end(), [&](const search::Forward& forward) {
        return !plan.segments[static_cast<std::size_t>(segment_at(plan, forward.t))].dense;
      });
  return static_cast<std::int32_t>(sparse - forwards.begin());
}

FiguresRun run_from(const Profile& profile, const search::SolvedFor& kept,
                    const RunOptions& options, const std::filesystem::path& file) {
  const SamplerRun of = sampler_run(options, kept, file);
  FiguresRun run{.sampler = of.sampler,
                 .steps = of.steps,
                 .shift = of.shift,
                 .layout = options.layout ? *options.layout : solved_layout(profile, kept)};
  check_layout(run.layout);
  run.forwards = forwards_of(profile, of, options.expert_boundary);
  return run;
}

}  // namespace

TokenLayout solved_layout(const Profile& profile, const search::SolvedFor& kept) {
  return kept.grid ? search::layout_at(profile, *kept.grid) : profile.layout;
}

FiguresRun run_of(const Profile& profile, const RunOptions& options,
                  const std::filesystem::path& file) {
  return run_from(profile, search::solved_for(profile), options, file);
}

FiguresRun run_of(const Plan& plan, const RunOptions& options, const std::filesystem::path& file) {
  TWILL_ASSERT(plan.profile != nullptr);
  return run_from(*plan.profile, search::solved_for(plan), options, file);
}

PlanFigures figures_of(std::shared_ptr<const Plan> plan, std::shared_ptr<const Profile> profile,
                       const FiguresRun& run) {
  const TimeWeight weight = search::time_weight_of(*profile);
  check_plan_fits(*plan, profile->model);
  PlanFigures figures{.plan = std::move(plan),
                      .profile = profile,
                      .run = run,
                      .weight = weight,
                      .ledger = std::make_shared<const search::Ledger>(
                          std::move(profile), run.forwards, weight, run.layout)};
  search::PlanSums sums = figures.ledger->sums(*figures.plan);
  figures.cost_is_time = figures.ledger->timed();
  for (std::size_t i = figures.plan->segments.size(); i-- > 0;) {
    figures.segments.push_back(segment_of(figures, sums, i));
  }
  figures.layers = layers_of(figures, sums);
  figures.kind_error = std::move(sums.kind_error);
  figures.density = sums.density;
  for (const LayerFigures& layer : figures.layers) {
    figures.cost += layer.plan_cost;
    figures.dense_cost += layer.dense_cost;
  }
  figures.predicted_error = sums.error;
  figures.clip_error = figures.ledger->clip_error(*figures.plan);
  figures.dense_first_steps = dense_steps(figures, false);
  figures.dense_last_steps = dense_steps(figures, true);
  figures.dense_first_layers = search::dense_first_layers(*figures.plan);
  return figures;
}

std::vector<search::FrontPoint> front_of(const PlanFigures& figures, std::int32_t points) {
  const auto sparse = std::count_if(figures.segments.begin(), figures.segments.end(),
                                    [](const SegmentFigures& segment) { return !segment.dense; });
  const search::SolveRequest request{
      .forwards = figures.run.forwards,
      .budget_kind =
          figures.cost_is_time ? search::BudgetKind::kAttentionShare : search::BudgetKind::kDensity,
      .budget = 1.0,
      .layout = figures.run.layout,
      .weight = figures.weight,
      .max_segments = std::max(1, static_cast<std::int32_t>(sparse)),
      .dense_first_steps = figures.dense_first_steps,
      .dense_last_steps =
          std::min(figures.dense_last_steps, figures.run.steps - figures.dense_first_steps),
      .dense_first_layers = figures.dense_first_layers};
  return search::Solver(figures.profile, request).pareto_front(points);
}

std::vector<std::vector<double>> kind_head_errors(const PlanFigures& figures, std::size_t segment) {
  const Profile& profile = *figures.profile;
  const std::size_t heads = profile.heads();
  std::vector<std::vector<double>> errors(kPatternNames.size());
  std::vector<double> counts(kPatternNames.size());
  const std::vector<HeadFigures>& shown = figures.segments.at(segment).heads;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (shown[i].kind == PatternKind::kDense) {
      continue;
    }
    const std::size_t candidate = *figures.ledger->candidate(
        figures.plan->patterns[static_cast<std::size_t>(shown[i].pattern)]);
    const std::size_t kind = index_in(kPatternNames, shown[i].kind);
    errors[kind].resize(profile.t.size());
    ++counts[kind];
    for (std::size_t time = 0; time < profile.t.size(); ++time) {
      errors[kind][time] +=
          figures.ledger->head_error(profile.t[time], i / heads, i % heads, candidate);
    }
  }
  for (std::size_t kind = 0; kind < errors.size(); ++kind) {
    for (double& error : errors[kind]) {
      error /= counts[kind];
    }
  }
  return errors;
}

std::optional<double> psnr_offset(const std::vector<MeasuredPlan>& measured) {
  double sum = 0.0;
  std::size_t count = 0;
  for (const MeasuredPlan& plan : measured) {
    if (plan.figures.clip_error > 0.0 && std::isfinite(plan.summary.psnr_db)) {
      sum += plan.summary.psnr_db + 10.0 * std::log10(plan.figures.clip_error);
      ++count;
    }
  }
  return count == 0 ? std::nullopt : std::optional(sum / static_cast<double>(count));
}

}  // namespace twill::report
