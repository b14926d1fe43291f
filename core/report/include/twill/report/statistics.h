// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Means, worsts and intervals of the reports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace twill::report {

double mean_of(std::span<const double> values);
double worst_of(std::span<const double> values);  // the lowest

struct Interval {
  double low = 0.0;
  double high = 0.0;
};

// Paired bootstrap, 95 % percentile interval of the mean of `differences` (one per prompt, the
// pair's difference): prompts are drawn with replacement, 10,000 times. The draws are seeded: the
// same numbers give the same interval.
Interval bootstrap_interval(std::span<const double> differences, std::uint64_t seed = 1);

// The same for differences that were taken from several profiles on the same prompts, [profiles]
// [prompts], prompts fastest: profiles are drawn with replacement, too, and one draw of prompts
// serves all of them. Of one profile it is bootstrap_interval().
Interval crossed_interval(std::span<const double> differences, std::size_t profiles,
                          std::uint64_t seed = 1);

// The mean of the rank correlations at each of `groups`: of the values whose density is within 0.02
// of it. Groups of fewer than three values are left out; 0 where none is left. densities, predicted
// and measured: [values].
double correlation_at_equal_density(std::span<const double> groups,
                                    std::span<const double> densities,
                                    std::span<const double> predicted,
                                    std::span<const double> measured);

}  // namespace twill::report
