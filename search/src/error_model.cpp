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

std::vector<double> densities_at(const Profile& profile, const TokenLayout& layout) {
  const double all = static_cast<double>(dense_tiles(layout));
  std::vector<double> densities;
  for (const std::int64_t tiles : tiles_of(profile.candidates, layout)) {
    densities.push_back(static_cast<double>(tiles) / all);
  }
  return densities;
}

}  // namespace

std::vector<std::size_t> candidates_of(const Profile& profile, const Plan& plan) {
  std::vector<std::size_t> found;
  for (const Pattern& pattern : plan.patterns) {
    const auto at = std::find(profile.candidates.begin(), profile.candidates.end(), pattern);
    require(at != profile.candidates.end(), ErrorCode::kModel, "pattern \"", describe(pattern),
            "\" of the plan \"", plan.name, "\" is no candidate of the profile");
    found.push_back(static_cast<std::size_t>(at - profile.candidates.begin()));
  }
  return found;
}

double weight_at(const TimeWeight& table, double t) {
  const auto& [times, weight] = table;
  const auto above = std::upper_bound(times.begin(), times.end(), t);
  if (above == times.begin()) {
    return weight.front();
  }
  if (above == times.end()) {
    return weight.back();
  }
  const auto i = static_cast<std::size_t>(above - times.begin());
  const double share = (t - times[i - 1]) / (times[i] - times[i - 1]);
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
  return layout == profile.layout ? std::vector<double>(profile.candidates.size(), 1.0)
                                  : layout_factors(profile, layout, densities_at(profile, layout));
}

std::vector<double> layout_factors(const Profile& profile, const TokenLayout& layout,
                                   const std::vector<double>& density) {
  constexpr double kPower = 1.5;
  std::vector<double> factors(profile.candidates.size(), 1.0);
  if (layout == profile.layout) {
    return factors;
  }
  const std::vector<double> measured = densities_at(profile, profile.layout);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    // Nothing was left out where it was measured: its error there says nothing.
    if (measured[i] < 1.0) {
      factors[i] = std::pow((1.0 - density[i]) / (1.0 - measured[i]), kPower);
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

}  // namespace twill::search
