// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/ledger.h"

#include <algorithm>
#include <cmath>

#include "twill/kernels/tile_list.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/plan/names.h"
#include "twill/plan/plan_view.h"

namespace twill::search {
namespace {

constexpr double kCellsOfTile = kernels::kQueryTile * kernels::kKeyTile;

void add_at(const Profile& profile, double t, double weight, std::vector<double>& of_time) {
  const TimeBlend blend = blend_at(profile.t, t);
  of_time[blend.first] += weight * (1.0 - blend.second_share);
  of_time[blend.second] += weight * blend.second_share;
}

TimeShares without_zeros(const std::vector<double>& of_time, double all) {
  TimeShares shares;
  for (std::size_t i = 0; i < of_time.size(); ++i) {
    if (of_time[i] != 0.0) {
      shares.push_back({.t_index = i, .share = of_time[i] / all});
    }
  }
  return shares;
}

// Of each head of an expert, counted over all stacks: [head_index].
std::vector<std::size_t> layers_of_heads(const ModelShape& model) {
  std::vector<std::size_t> layers;
  std::size_t layer = 0;
  for (const StackShape& stack : model.stacks) {
    for (std::int32_t i = 0; i < stack.layers; ++i, ++layer) {
      layers.insert(layers.end(), static_cast<std::size_t>(stack.heads), layer);
    }
  }
  return layers;
}

}  // namespace

Ledger::Ledger(std::shared_ptr<const Profile> profile, std::vector<Forward> forwards,
               TimeWeight weight, const TokenLayout& layout)
    : profile_(std::move(profile)),
      forwards_(std::move(forwards)),
      weight_(std::move(weight)),
      layout_(layout),
      dense_(dense_candidate(*profile_)),
      costs_(candidate_costs(*profile_, layout_)),
      head_error_factor_(layout_factors(*profile_, layout_, costs_.density)) {
  check_time_weight(weight_);
  for (const Forward& forward : forwards_) {
    require(forward.expert >= 0 &&
                forward.expert < static_cast<std::int32_t>(profile_->model.experts.size()),
            ErrorCode::kUsage, "forward at t ", forward.t, ": expert ", forward.expert,
            " is not one of 0..", profile_->model.experts.size() - 1);
  }
  head_error_factor_[dense_] = 0.0;
  for (std::size_t i = 0; i < profile_->candidates.size(); ++i) {
    error_factor_.push_back(head_error_factor_[i] * coherence(profile_->candidates[i].kind));
    candidates_.emplace(profile_->candidates[i], i);
  }
}

double Ledger::loss(const Forward& forward, std::size_t head, std::size_t candidate,
                    const std::vector<double>& factor_of) const {
  const TimeBlend blend = blend_at(profile_->t, forward.t);
  const auto expert = static_cast<std::size_t>(forward.expert);
  const auto at = [&](std::size_t time) {
    return static_cast<double>(profile_->gain_at(time, expert, head)) *
           static_cast<double>(profile_->error_at(time, expert, head, candidate));
  };
  return factor_of[candidate] *
         (at(blend.first) * (1.0 - blend.second_share) + at(blend.second) * blend.second_share);
}

double Ledger::rounding_loss(const Forward& forward, std::size_t head) const {
  const TimeBlend blend = blend_at(profile_->t, forward.t);
  const auto expert = static_cast<std::size_t>(forward.expert);
  const auto at = [&](std::size_t time) {
    return static_cast<double>(profile_->gain_at(time, expert, head)) *
           static_cast<double>(profile_->int8_error_at(time, expert, head));
  };
  return at(blend.first) * (1.0 - blend.second_share) + at(blend.second) * blend.second_share;
}

double Ledger::rounding(Precision precision, const Forward& forward, std::size_t head) const {
  return precision == Precision::kBf16 ? 0.0 : weight(forward) * rounding_loss(forward, head);
}

double Ledger::rounding(Precision precision, const TimeShares& shares, std::size_t expert,
                        std::size_t head) const {
  double sum = 0.0;
  for (const TimeShare& of : shares) {
    sum += of.share * static_cast<double>(profile_->gain_at(of.t_index, expert, head)) *
           static_cast<double>(profile_->int8_error_at(of.t_index, expert, head));
  }
  return precision == Precision::kBf16 ? 0.0 : sum;
}

double Ledger::rounding_head_error(Precision precision, const TimeShares& shares,
                                   std::size_t expert, std::size_t head) const {
  double sum = 0.0;
  for (const TimeShare& of : shares) {
    sum += of.share * static_cast<double>(profile_->int8_error_at(of.t_index, expert, head));
  }
  return precision == Precision::kBf16 ? 0.0 : sum;
}

void Ledger::check_measured(const Plan& plan) const {
  require(measured(Precision::kInt8) || precision_counts(plan).int8 == 0, ErrorCode::kModel,
          "the plan has heads in int8, and the profile does not know what that loses");
}

template <typename Add>
double Ledger::sum_of_losses(const Forward& forward, const Plan& plan,
                             const std::vector<std::size_t>& candidates,
                             const std::vector<double>& factor_of, const Add& addend) const {
  const auto index = static_cast<std::size_t>(segment_at(plan, forward.t));
  const auto expert = static_cast<std::size_t>(forward.expert);
  double sum = 0.0;
  if (!plan.segments[index].dense) {
    const auto& heads = plan.segments[index].heads[expert];
    for (std::size_t head = 0; head < heads.size(); ++head) {
      double lost =
          loss(forward, head, candidates[static_cast<std::size_t>(heads[head].pattern)], factor_of);
      if (precision_at(plan, index, expert, head) != Precision::kBf16) {
        lost += rounding_loss(forward, head);
      }
      sum += addend(lost);
    }
  }
  return sum;
}

double Ledger::loss(const Forward& forward, const Plan& plan,
                    const std::vector<std::size_t>& candidates) const {
  return sum_of_losses(forward, plan, candidates, error_factor_, [](double lost) { return lost; });
}

double Ledger::error(const Forward& forward, std::size_t head, std::size_t candidate) const {
  return weight(forward) * loss(forward, head, candidate, error_factor_);
}

double Ledger::head_error(double t, std::size_t expert, std::size_t head,
                          std::size_t candidate) const {
  std::vector<double> of_time(profile_->t.size());
  add_at(*profile_, t, 1.0, of_time);
  return head_error(without_zeros(of_time, 1.0), expert, head, candidate);
}

Cost Ledger::cost(std::size_t candidate) const {
  return {.cells = static_cast<double>(costs_.tiles[candidate]) * kCellsOfTile,
          .milliseconds = timed() ? costs_.milliseconds[candidate] : 0.0};
}

std::optional<std::size_t> Ledger::candidate(const Pattern& pattern) const {
  const auto found = candidates_.find(pattern);
  return found == candidates_.end() ? std::nullopt : std::optional(found->second);
}

std::int64_t Ledger::tiles(const Pattern& pattern) const {
  if (const std::optional<std::size_t> known = candidate(pattern)) {
    return costs_.tiles[*known];
  }
  const std::lock_guard lock(mutex_);
  const auto found = other_tiles_.find(pattern);
  return found != other_tiles_.end()
             ? found->second
             : other_tiles_.emplace(pattern, pattern_tiles(pattern, layout_)).first->second;
}

double Ledger::density(const Pattern& pattern) const {
  return static_cast<double>(tiles(pattern)) / static_cast<double>(dense_tiles(layout_));
}

Cost Ledger::cost(const Pattern& pattern) const {
  if (const std::optional<std::size_t> known = candidate(pattern)) {
    return cost(*known);
  }
  return {.cells = static_cast<double>(tiles(pattern)) * kCellsOfTile,
          .milliseconds = density(pattern) * cost(dense_).milliseconds};
}

TimeShares Ledger::shares(Measure measure, std::span<const Forward> forwards,
                          std::size_t expert) const {
  std::vector<double> of_time(profile_->t.size());
  for (const Forward& forward : forwards) {
    if (static_cast<std::size_t>(forward.expert) == expert) {
      add_at(*profile_, forward.t, measure == Measure::kError ? weight(forward) : 1.0, of_time);
    }
  }
  return without_zeros(of_time, 1.0);
}

void Ledger::add(Measure measure, const TimeShares& shares, std::size_t expert, std::size_t head,
                 std::span<double> sums) const {
  const std::vector<double>& factor_of =
      measure == Measure::kError ? error_factor_ : head_error_factor_;
  const bool with_gain = measure != Measure::kHeadError;
  const std::size_t experts = profile_->model.experts.size();
  for (const TimeShare& of : shares) {
    const double factor =
        with_gain ? of.share * static_cast<double>(profile_->gain_at(of.t_index, expert, head))
                  : of.share;
    const float* const row =
        profile_->head_error.data() +
        ((of.t_index * experts + expert) * profile_->heads() + head) * sums.size();
    for (std::size_t candidate = 0; candidate < sums.size(); ++candidate) {
      sums[candidate] += factor * factor_of[candidate] * static_cast<double>(row[candidate]);
    }
  }
}

TimeShares Ledger::mean_over(double t_begin, double t_end, std::size_t expert) const {
  std::vector<double> of_time(profile_->t.size());
  double count = 0.0;
  for (const Forward& forward : forwards_) {
    if (static_cast<std::size_t>(forward.expert) == expert && forward.t <= t_end &&
        (forward.t > t_begin || t_begin == 0.0)) {
      add_at(*profile_, forward.t, 1.0, of_time);
      count += 1.0;
    }
  }
  if (count == 0.0) {
    add_at(*profile_, (t_begin + t_end) / 2.0, 1.0, of_time);
    count = 1.0;
  }
  return without_zeros(of_time, count);
}

double Ledger::head_error(const TimeShares& mean, std::size_t expert, std::size_t head,
                          std::size_t candidate) const {
  double error = 0.0;
  for (const TimeShare& of : mean) {
    error +=
        of.share * static_cast<double>(profile_->error_at(of.t_index, expert, head, candidate));
  }
  return head_error_factor_[candidate] * error;
}

double Ledger::gain(const TimeShares& mean, std::size_t expert, std::size_t head) const {
  double gain = 0.0;
  for (const TimeShare& of : mean) {
    gain += of.share * static_cast<double>(profile_->gain_at(of.t_index, expert, head));
  }
  return gain;
}

PlanNumbers Ledger::numbers(const Plan& plan) const {
  struct Column {
    std::optional<std::size_t> candidate;
    Cost cost;
  };
  std::vector<Column> patterns;
  for (const Pattern& pattern : plan.patterns) {
    patterns.push_back({.candidate = candidate(pattern), .cost = cost(pattern)});
  }
  std::vector<std::vector<Forward>> within(plan.segments.size());
  for (const Forward& forward : forwards_) {
    within[static_cast<std::size_t>(segment_at(plan, forward.t))].push_back(forward);
  }
  PlanNumbers numbers;
  const Cost dense = cost(dense_);
  const auto heads = static_cast<double>(profile_->heads());
  Cost sum;
  const auto add_cost = [&](double times, const Cost& of) {
    sum.cells += times * of.cells;
    sum.milliseconds += times * of.milliseconds;
  };
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const Segment& segment = plan.segments[i];
    if (segment.dense) {
      add_cost(heads * static_cast<double>(within[i].size()), dense);
      continue;
    }
    for (std::size_t expert = 0; expert < segment.heads.size(); ++expert) {
      const TimeShares weights = shares(Measure::kError, within[i], expert);
      const auto forwards = static_cast<double>(
          std::count_if(within[i].begin(), within[i].end(), [&](const Forward& forward) {
            return static_cast<std::size_t>(forward.expert) == expert;
          }));
      for (std::size_t head = 0; head < profile_->heads(); ++head) {
        const Column& pattern =
            patterns[static_cast<std::size_t>(segment.heads[expert][head].pattern)];
        add_cost(forwards, pattern.cost);
        const Precision precision = precision_at(plan, i, expert, head);
        numbers.error += rounding(precision, weights, expert, head);
        if (!pattern.candidate || !measured(precision)) {
          ++numbers.unmeasured;
        }
        if (!pattern.candidate) {
          continue;
        }
        for (const TimeShare& of : weights) {
          numbers.error +=
              of.share * error_factor_[*pattern.candidate] *
              static_cast<double>(profile_->gain_at(of.t_index, expert, head)) *
              static_cast<double>(profile_->error_at(of.t_index, expert, head, *pattern.candidate));
        }
      }
    }
  }
  const double all = static_cast<double>(forwards_.size()) * heads;
  numbers.density = sum.cells / (all * dense.cells);
  if (timed()) {
    numbers.attention_share = sum.milliseconds / (all * dense.milliseconds);
  }
  return numbers;
}

PlanSums Ledger::sums(const Plan& plan) const {
  check_plan_fits(plan, profile_->model);
  check_measured(plan);
  const std::vector<std::size_t> candidates = candidates_of(*profile_, plan);
  const std::vector<std::size_t> layer_of = layers_of_heads(profile_->model);
  const std::size_t heads = profile_->heads(), experts = profile_->model.experts.size();
  const std::size_t layers = layer_of.empty() ? 0 : layer_of.back() + 1;
  PlanSums sums{
      .heads = std::vector(plan.segments.size(), std::vector<PlanSums::Head>(experts * heads)),
      .forwards = std::vector<std::int32_t>(plan.segments.size()),
      .layer_error = std::vector(layers, std::vector<double>(forwards_.size())),
      .kind_error = std::vector(kPatternNames.size(), std::vector<double>(forwards_.size())),
      .layer_cost = std::vector<Cost>(layers),
      .dense_layer_cost = std::vector<Cost>(layers),
      .density = 0.0};
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const Segment& segment = plan.segments[i];
    for (std::size_t expert = 0; expert < experts; ++expert) {
      const TimeShares mean = mean_over(segment.t_begin, segment.t_end, expert);
      for (std::size_t head = 0; head < heads; ++head) {
        PlanSums::Head& of = sums.heads[i][expert * heads + head];
        of.candidate =
            segment.dense
                ? dense_
                : candidates[static_cast<std::size_t>(segment.heads[expert][head].pattern)];
        of.precision = precision_at(plan, i, expert, head);
        of.head_error = head_error(mean, expert, head, of.candidate) +
                        rounding_head_error(of.precision, mean, expert, head);
      }
    }
  }
  const double share = 1.0 / static_cast<double>(forwards_.size());
  const auto add_cost = [&](Cost& to, const Cost& of) {
    to.cells += share * of.cells;
    to.milliseconds += share * of.milliseconds;
  };
  for (std::size_t i = 0; i < forwards_.size(); ++i) {
    const Forward& forward = forwards_[i];
    const auto segment = static_cast<std::size_t>(segment_at(plan, forward.t));
    ++sums.forwards[segment];
    double density = 0.0;
    for (std::size_t head = 0; head < heads; ++head) {
      PlanSums::Head& of =
          sums.heads[segment][static_cast<std::size_t>(forward.expert) * heads + head];
      const std::size_t layer = layer_of[head];
      add_cost(sums.layer_cost[layer], cost(of.candidate));
      add_cost(sums.dense_layer_cost[layer], cost(dense_));
      density += costs_.density[of.candidate];
      const double lost =
          error(forward, head, of.candidate) + rounding(of.precision, forward, head);
      of.error += lost;
      sums.layer_error[layer][i] += lost;
      sums.kind_error[index_in(kPatternNames, profile_->candidates[of.candidate].kind)][i] += lost;
      sums.error += lost;
    }
    sums.density += share * (density / static_cast<double>(heads));
  }
  return sums;
}

double Ledger::error(const Plan& plan) const {
  check_plan_fits(plan, profile_->model);
  check_measured(plan);
  const std::vector<std::size_t> candidates = candidates_of(*profile_, plan);
  double sum = 0.0;
  for (const Forward& forward : forwards_) {
    sum += weight(forward) * loss(forward, plan, candidates);
  }
  return sum;
}

double Ledger::clip_error(const Plan& plan) const {
  check_plan_fits(plan, profile_->model);
  check_measured(plan);
  const std::vector<std::size_t> candidates = candidates_of(*profile_, plan);
  double sum = 0.0;
  for (const Forward& forward : forwards_) {
    const double roots = sum_of_losses(forward, plan, candidates, head_error_factor_,
                                       [](double lost) { return std::sqrt(lost); });
    sum += weight(forward) * roots * roots;
  }
  return sum;
}

std::vector<double> Ledger::error_by_time(const Plan& plan,
                                          const std::vector<double>& edges) const {
  require(edges.size() >= 2 && std::is_sorted(edges.begin(), edges.end()), ErrorCode::kUsage,
          "edges: ", edges.size(), " of them; two or more ascending ones are needed");
  check_plan_fits(plan, profile_->model);
  check_measured(plan);
  const std::vector<std::size_t> candidates = candidates_of(*profile_, plan);
  std::vector<double> errors(edges.size() - 1);
  for (const Forward& forward : forwards_) {
    const auto above = std::lower_bound(edges.begin() + 1, edges.end() - 1, forward.t);
    errors[static_cast<std::size_t>(above - edges.begin()) - 1] +=
        forward.weight * loss(forward, plan, candidates);
  }
  return errors;
}

}  // namespace twill::search
