// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/plan_figures.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "profile_files.h"
#include "session.h"
#include "solving.h"
#include "twill/kernels/tile_list.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/search/calibration.h"
#include "twill/search/cost.h"
#include "twill/search/error_model.h"

namespace twill::jobs {
namespace {

std::size_t index_of(PatternKind kind) {
  for (std::size_t i = 0; i < kPatternNames.size(); ++i) {
    if (kPatternNames[i].first == kind) {
      return i;
    }
  }
  throw Error(ErrorCode::kModel, concat("pattern kind ", static_cast<int>(kind), " has no name"));
}

// What the profile says of a head with a candidate at t.
struct At {
  double head_error = 0.0;
  double clip_error = 0.0;  // gain x head error x coherence, w(t) left out
};
At profile_at(const Profile& profile, double t, std::size_t expert, std::size_t head,
              std::size_t candidate) {
  const search::TimeBlend blend = search::blend_at(profile.t, t);
  const double coherence = search::coherence(profile.candidates[candidate].kind);
  At sum;
  for (const auto& [time, share] : {std::pair(blend.first, 1.0 - blend.second_share),
                                    std::pair(blend.second, blend.second_share)}) {
    const double error = profile.error_at(time, expert, head, candidate);
    sum.head_error += share * error;
    sum.clip_error += share * error * profile.gain_at(time, expert, head) * coherence;
  }
  return sum;
}

// 0 when the plan does not say, or says it in another way.
std::int32_t told_dense_layers(const Plan& plan) {
  const auto found = plan.provenance.find("dense_first_layers");
  std::int32_t told = 0;
  if (found != plan.provenance.end()) {
    const std::string& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), told);
  }
  std::int32_t layers = 0;
  for (const StackShape& stack : plan.model.stacks) {
    layers += stack.layers;
  }
  return std::clamp(told, 0, layers);
}

// Adds a plan up over a run.
class Sums {
 public:
  Sums(PlanFigures& figures)
      : figures_(figures),
        profile_(*figures.profile),
        plan_(*figures.plan),
        heads_(profile_.heads()),
        dense_(search::dense_candidate(profile_)),
        costs_(search::candidate_costs(profile_, figures.run.layout)) {
    for (const Pattern& pattern : plan_.patterns) {
      const auto at = std::find(profile_.candidates.begin(), profile_.candidates.end(), pattern);
      require(at != profile_.candidates.end(), ErrorCode::kModel, "pattern \"", describe(pattern),
              "\" of the plan \"", plan_.name, "\" is no candidate of the profile");
      candidates_.push_back(static_cast<std::size_t>(at - profile_.candidates.begin()));
    }
    figures_.cost_is_time = !costs_.milliseconds.empty();
  }

  void run() {
    const std::size_t steps = figures_.run.forwards.size();
    name_layers(steps);
    figures_.kind_error.assign(kPatternNames.size(), std::vector<double>(steps));
    for (std::size_t i = plan_.segments.size(); i-- > 0;) {
      figures_.segments.push_back(segment(i));
    }
    for (std::size_t step = 0; step < steps; ++step) {
      add_step(step);
    }
    for (SegmentFigures& segment : figures_.segments) {
      finish(segment);
    }
    figures_.density = density_;
    for (const LayerFigures& layer : figures_.layers) {
      figures_.cost += layer.plan_cost;
      figures_.dense_cost += layer.dense_cost;
    }
    const auto& forwards = figures_.run.forwards;
    const auto is_dense = [&](const search::Forward& forward) {
      return figures_.segments[shown(forward.t)].dense;
    };
    figures_.dense_first_steps = static_cast<std::int32_t>(
        std::find_if_not(forwards.begin(), forwards.end(), is_dense) - forwards.begin());
    figures_.dense_last_steps = static_cast<std::int32_t>(
        std::find_if_not(forwards.rbegin(), forwards.rend(), is_dense) - forwards.rbegin());
    figures_.dense_first_layers = told_dense_layers(plan_);
  }

 private:
  // In figures_.segments, which go the other way round.
  std::size_t shown(double t) const {
    return plan_.segments.size() - 1 - static_cast<std::size_t>(segment_at(plan_, t));
  }
  double cost_of(std::size_t candidate) const {
    constexpr double kMillion = 1e6;
    return figures_.cost_is_time
               ? costs_.milliseconds[candidate]
               : costs_.density[candidate] * static_cast<double>(dense_tiles(figures_.run.layout)) *
                     kernels::kQueryTile * kernels::kKeyTile / kMillion;
  }

  void name_layers(std::size_t steps) {
    for (const StackShape& stack : plan_.model.stacks) {
      for (std::int32_t layer = 0; layer < stack.layers; ++layer) {
        for (std::int32_t head = 0; head < stack.heads; ++head) {
          layer_of_.push_back(figures_.layers.size());
        }
        figures_.layers.push_back(
            {.name = concat(stack.name, ".", layer), .error = std::vector<double>(steps)});
      }
    }
  }

  SegmentFigures segment(std::size_t index) const {
    const Segment& from = plan_.segments[index];
    SegmentFigures segment{.t_begin = from.t_begin, .t_end = from.t_end, .dense = from.dense};
    double density = 0.0;
    for (std::size_t expert = 0; expert < plan_.model.experts.size(); ++expert) {
      for (std::size_t head = 0; head < heads_; ++head) {
        HeadFigures one;
        std::size_t candidate = dense_;
        if (!from.dense) {
          one.pattern = from.heads[expert][head].pattern;
          candidate = candidates_[static_cast<std::size_t>(one.pattern)];
        }
        one.kind = profile_.candidates[candidate].kind;
        one.density = costs_.density[candidate];
        one.cost = cost_of(candidate);
        density += one.density;
        segment.heads.push_back(one);
      }
    }
    segment.density = density / static_cast<double>(segment.heads.size());
    return segment;
  }

  std::size_t candidate_of(const HeadFigures& head) const {
    return head.pattern < 0 ? dense_ : candidates_[static_cast<std::size_t>(head.pattern)];
  }

  void add_step(std::size_t step) {
    const search::Forward& forward = figures_.run.forwards[step];
    const double weight = figures_.weight.at(forward.t) * forward.weight;
    const double share = 1.0 / static_cast<double>(figures_.run.forwards.size());
    const auto expert = static_cast<std::size_t>(forward.expert);
    SegmentFigures& segment = figures_.segments[shown(forward.t)];
    ++segment.steps;
    double density = 0.0;
    for (std::size_t head = 0; head < heads_; ++head) {
      HeadFigures& one = segment.heads[expert * heads_ + head];
      LayerFigures& layer = figures_.layers[layer_of_[head]];
      layer.dense_cost += share * cost_of(dense_);
      layer.plan_cost += share * one.cost;
      density += one.density;
      const std::size_t candidate = candidate_of(one);
      if (candidate == dense_) {
        continue;  // the reference
      }
      const At at = profile_at(profile_, forward.t, expert, head, candidate);
      const double error = weight * at.clip_error;
      one.head_error += at.head_error;
      one.error += error;
      layer.error[step] += error;
      figures_.kind_error[index_of(one.kind)][step] += error;
      figures_.predicted_error += error;
    }
    density_ += share * density / static_cast<double>(heads_);
  }

  // Sums over steps become means. An expert runs in some of a segment's steps only.
  void finish(SegmentFigures& segment) const {
    for (std::size_t i = 0; i < segment.heads.size(); ++i) {
      HeadFigures& head = segment.heads[i];
      const std::size_t expert = i / heads_;
      const auto runs = std::count_if(figures_.run.forwards.begin(), figures_.run.forwards.end(),
                                      [&](const search::Forward& forward) {
                                        return static_cast<std::size_t>(forward.expert) == expert &&
                                               &figures_.segments[shown(forward.t)] == &segment;
                                      });
      const std::size_t candidate = candidate_of(head);
      if (runs > 0) {
        head.head_error /= static_cast<double>(runs);
      } else if (candidate != dense_) {
        head.head_error = profile_at(profile_, (segment.t_begin + segment.t_end) / 2, expert,
                                     i % heads_, candidate)
                              .head_error;
      }
    }
  }

  PlanFigures& figures_;
  const Profile& profile_;
  const Plan& plan_;
  std::size_t heads_;
  std::size_t dense_;
  search::CandidateCosts costs_;
  std::vector<std::size_t> candidates_;  // of the profile, for each pattern of the plan
  std::vector<std::size_t> layer_of_;    // [head_index]
  double density_ = 0.0;
};

}  // namespace

Run run_of(const Profile& profile, const RunOptions& options, const std::filesystem::path& file) {
  constexpr double kMostSteps = 1e6;
  const double steps = options.steps ? *options.steps : provenance_number(profile, kStepsKey, file);
  Run run{.steps = static_cast<std::int32_t>(std::clamp(steps, -1.0, kMostSteps)),
          .shift = options.shift ? *options.shift : provenance_number(profile, kShiftKey, file),
          .layout = options.layout.value_or(profile.layout)};
  const auto sampler = profile.provenance.find(kSamplerKey);
  run.sampler = options.sampler                       ? *options.sampler
                : sampler != profile.provenance.end() ? sampler->second
                                                      : "euler";
  check_clip_settings({.steps = run.steps, .shift = run.shift, .sampler = run.sampler});
  check_layout(run.layout);
  run.forwards = search::forwards_of_run(profile, sampler_t(run.sampler, run.steps, run.shift),
                                         options.expert_boundary);
  return run;
}

PlanFigures figures_of(std::shared_ptr<const Plan> plan, std::shared_ptr<const Profile> profile,
                       const Run& run) {
  check_plan_fits(*plan, profile->model);
  PlanFigures figures{
      .plan = std::move(plan), .profile = std::move(profile), .run = run, .weight = {}};
  figures.weight = search::time_weight_of(*figures.profile);
  Sums(figures).run();
  return figures;
}

std::string head_label(const ModelShape& model, std::size_t head) {
  const auto per_expert = static_cast<std::size_t>(model.heads_total());
  std::string label = model.experts.size() > 1 ? model.experts[head / per_expert] + " " : "";
  head %= per_expert;
  for (const StackShape& stack : model.stacks) {
    const auto width = static_cast<std::size_t>(stack.heads);
    const std::size_t count = static_cast<std::size_t>(stack.layers) * width;
    if (head < count) {
      return concat(label, stack.name, ".", head / width, " head ", head % width);
    }
    head -= count;
  }
  throw Error(ErrorCode::kModel, concat("head ", head, " is outside the model"));
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
    const Pattern& pattern = figures.plan->patterns[static_cast<std::size_t>(shown[i].pattern)];
    const auto candidate = static_cast<std::size_t>(
        std::find(profile.candidates.begin(), profile.candidates.end(), pattern) -
        profile.candidates.begin());
    const std::size_t kind = index_of(shown[i].kind);
    errors[kind].resize(profile.t.size());
    ++counts[kind];
    for (std::size_t time = 0; time < profile.t.size(); ++time) {
      errors[kind][time] += profile.error_at(time, i / heads, i % heads, candidate);
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
    if (plan.figures.predicted_error > 0.0 && std::isfinite(plan.summary.psnr_db)) {
      sum += plan.summary.psnr_db + 10.0 * std::log10(plan.figures.predicted_error);
      ++count;
    }
  }
  return count == 0 ? std::nullopt : std::optional(sum / static_cast<double>(count));
}

}  // namespace twill::jobs
