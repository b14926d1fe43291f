// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan/predictor.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "twill/plan/compile.h"
#include "twill/search/cost.h"
#include "twill/search/error_model.h"

namespace twill::gui {
namespace {

using Shares = std::vector<Predictor::TimeShare>;

// Adds what a forward at t takes from the two times beside it, as the solver has it.
void add_forward(const Profile& profile, double t, double weight, std::vector<double>& of_time) {
  const search::TimeBlend blend = search::blend_at(profile.t, t);
  of_time[blend.first] += weight * (1.0 - blend.second_share);
  of_time[blend.second] += weight * blend.second_share;
}

Shares without_zeros(const std::vector<double>& of_time, double all) {
  Shares shares;
  for (std::size_t i = 0; i < of_time.size(); ++i) {
    if (of_time[i] != 0.0) {
      shares.push_back({.t_index = i, .share = of_time[i] / all});
    }
  }
  return shares;
}

// The forwards of one segment and expert together.
struct Stretch {
  double forwards = 0.0;
  std::vector<double> of_time;  // weight in the error of each t of the profile
};

}  // namespace

Predictor::Predictor(std::shared_ptr<const Profile> profile)
    : profile_(std::move(profile)), run_(jobs::profiled_run(*profile_)) {
  const search::CandidateCosts costs = search::candidate_costs(*profile_, profile_->layout);
  milliseconds_ = costs.milliseconds;
  dense_ = search::dense_candidate(*profile_);
  for (std::size_t i = 0; i < profile_->candidates.size(); ++i) {
    candidates_.emplace(profile_->candidates[i], i);
    densities_.emplace(profile_->candidates[i], costs.density[i]);
  }
}

std::optional<std::size_t> Predictor::candidate(const Pattern& pattern) const {
  const auto found = candidates_.find(pattern);
  return found == candidates_.end() ? std::nullopt : std::optional(found->second);
}

double Predictor::density(const Pattern& pattern) const {
  const std::lock_guard lock(mutex_);
  const auto found = densities_.find(pattern);
  if (found != densities_.end()) {
    return found->second;
  }
  const double density = static_cast<double>(pattern_tiles(pattern, profile_->layout)) /
                         static_cast<double>(dense_tiles(profile_->layout));
  densities_.emplace(pattern, density);
  return density;
}

std::vector<Predictor::TimeShare> Predictor::time_shares(double t_begin, double t_end) const {
  std::vector<double> of_time(profile_->t.size(), 0.0);
  double count = 0.0;
  for (const search::Forward& forward : run_.forwards) {
    if (forward.t > t_begin && forward.t <= t_end) {
      add_forward(*profile_, forward.t, 1.0, of_time);
      count += 1.0;
    }
  }
  if (count == 0.0) {
    add_forward(*profile_, (t_begin + t_end) / 2.0, 1.0, of_time);
    count = 1.0;
  }
  return without_zeros(of_time, count);
}

double Predictor::head_error(std::size_t candidate, std::size_t expert, std::size_t head,
                             const std::vector<TimeShare>& shares) const {
  double error = 0.0;
  for (const TimeShare& of : shares) {
    error +=
        of.share * static_cast<double>(profile_->error_at(of.t_index, expert, head, candidate));
  }
  return error;
}

double Predictor::head_gain(std::size_t expert, std::size_t head,
                            const std::vector<TimeShare>& shares) const {
  double gain = 0.0;
  for (const TimeShare& of : shares) {
    gain += of.share * static_cast<double>(profile_->gain_at(of.t_index, expert, head));
  }
  return gain;
}

double Predictor::head_error(std::size_t candidate, std::size_t expert, std::size_t head,
                             double t_begin, double t_end) const {
  return head_error(candidate, expert, head, time_shares(t_begin, t_end));
}

double Predictor::head_gain(std::size_t expert, std::size_t head, double t_begin,
                            double t_end) const {
  return head_gain(expert, head, time_shares(t_begin, t_end));
}

PlanNumbers Predictor::numbers(const Plan& plan) const {
  constexpr std::size_t kUnmeasured = static_cast<std::size_t>(-1);
  std::vector<std::size_t> candidate_of;
  std::vector<double> density_of, coherence_of;
  for (const Pattern& pattern : plan.patterns) {
    candidate_of.push_back(candidate(pattern).value_or(kUnmeasured));
    density_of.push_back(density(pattern));
    coherence_of.push_back(search::coherence(pattern.kind));
  }
  const std::size_t experts = profile_->model.experts.size();
  std::vector<Stretch> stretches(
      plan.segments.size() * experts,
      {.forwards = 0.0, .of_time = std::vector<double>(profile_->t.size(), 0.0)});
  for (const search::Forward& forward : run_.forwards) {
    Stretch& of = stretches[static_cast<std::size_t>(segment_at(plan, forward.t)) * experts +
                            static_cast<std::size_t>(forward.expert)];
    of.forwards += 1.0;
    add_forward(*profile_, forward.t, forward.weight * run_.weight.at(forward.t), of.of_time);
  }
  PlanNumbers numbers;
  const auto heads = static_cast<double>(profile_->heads());
  const double dense_ms = milliseconds_.empty() ? 0.0 : milliseconds_[dense_];
  double cells = 0.0, all_forwards = 0.0, time = 0.0;
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    const Stretch& stretch = stretches[i];
    const Segment& segment = plan.segments[i / experts];
    const std::size_t expert = i % experts;
    all_forwards += stretch.forwards;
    if (segment.dense) {
      cells += heads * stretch.forwards;
      time += heads * dense_ms * stretch.forwards;
      continue;
    }
    const Shares shares = without_zeros(stretch.of_time, 1.0);
    for (std::size_t head = 0; head < profile_->heads(); ++head) {
      const auto pattern = static_cast<std::size_t>(segment.heads[expert][head].pattern);
      const std::size_t which = candidate_of[pattern];
      numbers.unmeasured += which == kUnmeasured ? 1 : 0;
      cells += density_of[pattern] * stretch.forwards;
      // What was not timed is taken to cost its cells' share of dense.
      time += stretch.forwards * (which == kUnmeasured || milliseconds_.empty()
                                      ? density_of[pattern] * dense_ms
                                      : milliseconds_[which]);
      if (which == kUnmeasured || which == dense_) {
        continue;
      }
      for (const TimeShare& of : shares) {
        numbers.error += of.share * coherence_of[pattern] *
                         static_cast<double>(profile_->gain_at(of.t_index, expert, head)) *
                         static_cast<double>(profile_->error_at(of.t_index, expert, head, which));
      }
    }
  }
  numbers.density = cells / (all_forwards * heads);
  if (!milliseconds_.empty()) {
    numbers.attention_share = time / (all_forwards * heads * dense_ms);
  }
  return numbers;
}

}  // namespace twill::gui
