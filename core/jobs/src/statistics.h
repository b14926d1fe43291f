// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Means, worsts and intervals of the reports.
#pragma once

#include <cstdint>
#include <span>

namespace twill::jobs {

double mean_of(std::span<const double> values);
double worst_of(std::span<const double> values);  // the lowest

double mse_of(double psnr_db);  // of 8-bit values

struct Interval {
  double low = 0.0;
  double high = 0.0;
};

// Paired bootstrap, 95 % percentile interval of the mean of `differences` (one per prompt, the
// pair's difference): prompts are drawn with replacement, 10,000 times. The draws are seeded: the
// same numbers give the same interval.
Interval bootstrap_interval(std::span<const double> differences, std::uint64_t seed = 1);

}  // namespace twill::jobs
