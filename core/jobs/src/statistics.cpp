// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "twill/plan/error.h"

namespace twill::jobs {

double mean_of(std::span<const double> values) {
  TWILL_ASSERT(!values.empty());
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double worst_of(std::span<const double> values) {
  TWILL_ASSERT(!values.empty());
  return *std::min_element(values.begin(), values.end());
}

double mse_of(double psnr_db) {
  constexpr double kPeak = 255.0;
  return kPeak * kPeak * std::pow(10.0, -psnr_db / 10.0);
}

Interval bootstrap_interval(std::span<const double> differences, std::uint64_t seed) {
  TWILL_ASSERT(!differences.empty());
  constexpr std::size_t kDraws = 10000;
  std::mt19937_64 random(seed);
  std::vector<double> means(kDraws);
  for (double& mean : means) {
    double sum = 0.0;
    for (std::size_t i = 0; i < differences.size(); ++i) {
      // The remainder's bias is below 1e-16 for so few prompts, and unlike std's distributions it
      // is the same everywhere.
      sum += differences[random() % differences.size()];
    }
    mean = sum / static_cast<double>(differences.size());
  }
  std::sort(means.begin(), means.end());
  return {means[kDraws * 25 / 1000], means[kDraws * 975 / 1000 - 1]};
}

}  // namespace twill::jobs
