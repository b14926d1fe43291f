// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/error_model.h"

#include <algorithm>
#include <cmath>

#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/search/cost.h"

namespace twill::search {
namespace {

double forward_error(const Profile& profile, const std::vector<HeadPlan>& heads,
                     const std::vector<std::size_t>& candidates, std::size_t dense_index,
                     const Forward& forward) {
  const TimeBlend blend = blend_at(profile.t, forward.t);
  const auto expert = static_cast<std::size_t>(forward.expert);
  double sum = 0.0;
  for (std::size_t head = 0; head < heads.size(); ++head) {
    const std::size_t candidate = candidates[static_cast<std::size_t>(heads[head].pattern)];
    if (candidate == dense_index) {
      continue;  // dense is the reference; what was measured for it is rounding
    }
    const auto at = [&](std::size_t time) {
      return static_cast<double>(profile.gain_at(time, expert, head)) *
             static_cast<double>(profile.error_at(time, expert, head, candidate));
    };
    sum += coherence(profile.candidates[candidate].kind) *
           (at(blend.first) * (1.0 - blend.second_share) + at(blend.second) * blend.second_share);
  }
  return sum * forward.weight;
}

}  // namespace

std::vector<std::size_t> candidates_of(const Profile& profile, const Plan& plan) {
  std::vector<std::size_t> found;
  for (const Pattern& pattern : plan.patterns) {
    const auto at = std::find(profile.candidates.begin(), profile.candidates.end(), pattern);
    require(at != profile.candidates.end(), ErrorCode::kModel, "pattern \"", describe(pattern),
            "\" of the plan is no candidate of the profile");
    found.push_back(static_cast<std::size_t>(at - profile.candidates.begin()));
  }
  return found;
}

double TimeWeight::at(double time) const {
  const auto above = std::upper_bound(t.begin(), t.end(), time);
  if (above == t.begin()) {
    return weight.front();
  }
  if (above == t.end()) {
    return weight.back();
  }
  const auto i = static_cast<std::size_t>(above - t.begin());
  const double share = (time - t[i - 1]) / (t[i] - t[i - 1]);
  return weight[i - 1] * (1.0 - share) + weight[i] * share;
}

TimeWeight default_time_weight() {
  return {.t = {0.0, 0.25, 0.5, 0.7, 0.8, 0.85, 0.9, 0.925, 0.945, 0.965, 1.0},
          .weight = {1.0, 1.2, 2.3, 13.0, 43.0, 100.0, 200.0, 360.0, 850.0, 2900.0, 2800.0}};
}

void check_time_weight(const TimeWeight& weight) {
  require(!weight.t.empty() && weight.t.size() == weight.weight.size(), ErrorCode::kUsage,
          "weight: ", weight.t.size(), " times and ", weight.weight.size(),
          " weights; one or more of both are needed");
  for (std::size_t i = 0; i < weight.t.size(); ++i) {
    require(weight.t[i] >= 0.0 && weight.t[i] <= 1.0, ErrorCode::kUsage, "weight.t[", i,
            "]: ", weight.t[i], " is outside 0..1");
    require(i == 0 || weight.t[i] > weight.t[i - 1], ErrorCode::kUsage, "weight.t[", i,
            "]: ", weight.t[i], " is not above the one before");
    require(std::isfinite(weight.weight[i]) && weight.weight[i] >= 0.0, ErrorCode::kUsage,
            "weight.weight[", i, "]: ", weight.weight[i], " is not a finite number of at least 0");
  }
}

double coherence(PatternKind kind) {
  constexpr double kSameForAllTokens = 16.0;
  return kind == PatternKind::kMean || kind == PatternKind::kSkip ? kSameForAllTokens : 1.0;
}

std::vector<double> layout_factors(const Profile& profile, const TokenLayout& layout) {
  constexpr double kPower = 1.5;
  std::vector<double> factors(profile.candidates.size(), 1.0);
  if (layout == profile.layout) {
    return factors;
  }
  const auto left_out = [&](const TokenLayout& at) {
    const double all = static_cast<double>(dense_tiles(at));
    std::vector<double> shares;
    for (const std::int64_t tiles : tiles_of(profile.candidates, at)) {
      shares.push_back(1.0 - static_cast<double>(tiles) / all);
    }
    return shares;
  };
  const std::vector<double> here = left_out(layout), measured = left_out(profile.layout);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    // Nothing was left out where it was measured: its error there says nothing.
    if (measured[i] > 0.0) {
      factors[i] = std::pow(here[i] / measured[i], kPower);
    }
  }
  return factors;
}

TimeBlend blend_at(const std::vector<double>& times, double t) {
  TWILL_ASSERT(!times.empty());
  // Descending: the first that is not above t.
  const auto below =
      std::find_if(times.begin(), times.end(), [&](double time) { return time <= t; });
  const auto i = static_cast<std::size_t>(below - times.begin());
  if (i == 0) {
    return {.first = 0, .second = 0};
  }
  if (below == times.end()) {
    return {.first = times.size() - 1, .second = times.size() - 1};
  }
  return {
      .first = i - 1, .second = i, .second_share = (times[i - 1] - t) / (times[i - 1] - times[i])};
}

std::size_t dense_candidate(const Profile& profile) {
  for (std::size_t i = 0; i < profile.candidates.size(); ++i) {
    if (profile.candidates[i].kind == PatternKind::kDense) {
      return i;
    }
  }
  throw Error(ErrorCode::kModel, "the profile has no dense candidate");
}

std::vector<double> error_by_time(const Profile& profile, const Plan& plan,
                                  const std::vector<Forward>& forwards,
                                  const std::vector<double>& edges) {
  require(edges.size() >= 2 && std::is_sorted(edges.begin(), edges.end()), ErrorCode::kUsage,
          "edges: ", edges.size(), " of them; two or more ascending ones are needed");
  check_plan_fits(plan, profile.model);
  const std::vector<std::size_t> candidates = candidates_of(profile, plan);
  const std::size_t dense_index = dense_candidate(profile);
  std::vector<double> errors(edges.size() - 1);
  for (const Forward& forward : forwards) {
    require(forward.expert >= 0 &&
                forward.expert < static_cast<std::int32_t>(profile.model.experts.size()),
            ErrorCode::kUsage, "forward at t ", forward.t, ": expert ", forward.expert,
            " is not one of 0..", profile.model.experts.size() - 1);
    const Segment& segment = plan.segments[static_cast<std::size_t>(segment_at(plan, forward.t))];
    if (segment.dense) {
      continue;
    }
    const auto above = std::lower_bound(edges.begin() + 1, edges.end() - 1, forward.t);
    errors[static_cast<std::size_t>(above - edges.begin()) - 1] +=
        forward_error(profile, segment.heads[static_cast<std::size_t>(forward.expert)], candidates,
                      dense_index, forward);
  }
  return errors;
}

double predicted_error(const Profile& profile, const Plan& plan,
                       const std::vector<Forward>& forwards, const TimeWeight& weight) {
  check_time_weight(weight);
  std::vector<Forward> weighted = forwards;
  for (Forward& forward : weighted) {
    forward.weight *= weight.at(forward.t);
  }
  return error_by_time(profile, plan, weighted, {0.0, 1.0}).front();
}

}  // namespace twill::search
