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

// Straight lines between the profile's times, as the solver has it.
template <typename At>
double blended(const Profile& profile, double t, const At& at) {
  const search::TimeBlend blend = search::blend_at(profile.t, t);
  return at(blend.first) * (1.0 - blend.second_share) + at(blend.second) * blend.second_share;
}

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

std::vector<double> Predictor::times_in(double t_begin, double t_end) const {
  std::vector<double> times;
  for (const search::Forward& forward : run_.forwards) {
    if (forward.t > t_begin && forward.t <= t_end) {
      times.push_back(forward.t);
    }
  }
  if (times.empty()) {
    times.push_back((t_begin + t_end) / 2.0);
  }
  return times;
}

double Predictor::head_error(std::size_t candidate, std::size_t expert, std::size_t head,
                             double t_begin, double t_end) const {
  const std::vector<double> times = times_in(t_begin, t_end);
  double sum = 0.0;
  for (const double t : times) {
    sum += blended(*profile_, t, [&](std::size_t at) {
      return static_cast<double>(profile_->error_at(at, expert, head, candidate));
    });
  }
  return sum / static_cast<double>(times.size());
}

double Predictor::head_gain(std::size_t expert, std::size_t head, double t_begin,
                            double t_end) const {
  const std::vector<double> times = times_in(t_begin, t_end);
  double sum = 0.0;
  for (const double t : times) {
    sum += blended(*profile_, t, [&](std::size_t at) {
      return static_cast<double>(profile_->gain_at(at, expert, head));
    });
  }
  return sum / static_cast<double>(times.size());
}

PlanNumbers Predictor::numbers(const Plan& plan) const {
  constexpr std::size_t kUnmeasured = static_cast<std::size_t>(-1);
  std::vector<std::size_t> candidate_of;
  std::vector<double> density_of;
  for (const Pattern& pattern : plan.patterns) {
    candidate_of.push_back(candidate(pattern).value_or(kUnmeasured));
    density_of.push_back(density(pattern));
  }
  PlanNumbers numbers;
  double cells = 0.0, all_cells = 0.0, time = 0.0, dense_time = 0.0;
  for (const search::Forward& forward : run_.forwards) {
    const auto expert = static_cast<std::size_t>(forward.expert);
    const auto heads = static_cast<double>(profile_->heads());
    const Segment& segment = plan.segments[static_cast<std::size_t>(segment_at(plan, forward.t))];
    all_cells += heads;
    const double dense_ms = milliseconds_.empty() ? 0.0 : milliseconds_[dense_];
    dense_time += heads * dense_ms;
    if (segment.dense) {
      cells += heads;
      time += heads * dense_ms;
      continue;
    }
    const search::TimeBlend blend = search::blend_at(profile_->t, forward.t);
    const double weight = forward.weight * run_.weight.at(forward.t);
    const auto error_at = [&](std::size_t t, std::size_t head, std::size_t which) {
      return search::coherence(profile_->candidates[which].kind) *
             static_cast<double>(profile_->gain_at(t, expert, head)) *
             static_cast<double>(profile_->error_at(t, expert, head, which));
    };
    for (std::size_t head = 0; head < profile_->heads(); ++head) {
      const auto pattern = static_cast<std::size_t>(segment.heads[expert][head].pattern);
      const std::size_t which = candidate_of[pattern];
      cells += density_of[pattern];
      // What was not timed is taken to cost its cells' share of dense.
      time += which == kUnmeasured || milliseconds_.empty() ? density_of[pattern] * dense_ms
                                                            : milliseconds_[which];
      if (which != kUnmeasured && which != dense_) {
        numbers.error += weight * (error_at(blend.first, head, which) * (1.0 - blend.second_share) +
                                   error_at(blend.second, head, which) * blend.second_share);
      }
    }
  }
  numbers.density = cells / all_cells;
  if (!milliseconds_.empty()) {
    numbers.attention_share = time / dense_time;
  }
  for (const Segment& segment : plan.segments) {
    for (const auto& heads : segment.heads) {
      numbers.unmeasured += std::count_if(heads.begin(), heads.end(), [&](const HeadPlan& head) {
        return candidate_of[static_cast<std::size_t>(head.pattern)] == kUnmeasured;
      });
    }
  }
  return numbers;
}

}  // namespace twill::gui
