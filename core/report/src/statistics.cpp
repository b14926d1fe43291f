// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "twill/plan/error.h"
#include "twill/search/calibration.h"

namespace twill::report {

double mean_of(std::span<const double> values) {
  TWILL_ASSERT(!values.empty());
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double worst_of(std::span<const double> values) {
  TWILL_ASSERT(!values.empty());
  return *std::min_element(values.begin(), values.end());
}

Interval bootstrap_interval(std::span<const double> differences, std::uint64_t seed) {
  return crossed_interval(differences, 1, seed);
}

Interval crossed_interval(std::span<const double> differences, std::size_t profiles,
                          std::uint64_t seed) {
  TWILL_ASSERT(profiles > 0 && !differences.empty() && differences.size() % profiles == 0);
  constexpr std::size_t kDraws = 10000;
  const std::size_t prompts = differences.size() / profiles;
  std::mt19937_64 random(seed);
  // The remainder's bias is below 1e-16 for so few, and unlike std's distributions it is the same
  // everywhere.
  const auto draw = [&](std::size_t count) { return count == 1 ? 0 : random() % count; };
  std::vector<double> means(kDraws);
  std::vector<std::size_t> drawn(profiles);
  for (double& mean : means) {
    for (std::size_t& profile : drawn) {
      profile = draw(profiles);
    }
    double sum = 0.0;
    for (std::size_t i = 0; i < prompts; ++i) {
      const std::size_t prompt = draw(prompts);
      for (const std::size_t profile : drawn) {
        sum += differences[profile * prompts + prompt];
      }
    }
    mean = sum / static_cast<double>(differences.size());
  }
  std::sort(means.begin(), means.end());
  return {means[kDraws * 25 / 1000], means[kDraws * 975 / 1000 - 1]};
}

double correlation_at_equal_density(std::span<const double> groups,
                                    std::span<const double> densities,
                                    std::span<const double> predicted,
                                    std::span<const double> measured) {
  constexpr double kEqual = 0.02;
  std::vector<double> correlations;
  for (const double group : groups) {
    std::vector<double> of_predicted, of_measured;
    for (std::size_t i = 0; i < densities.size(); ++i) {
      if (std::abs(densities[i] - group) < kEqual) {
        of_predicted.push_back(predicted[i]);
        of_measured.push_back(measured[i]);
      }
    }
    if (of_predicted.size() > 2) {
      correlations.push_back(search::rank_correlation(of_predicted, of_measured));
    }
  }
  return correlations.empty() ? 0.0 : mean_of(correlations);
}

}  // namespace twill::report
