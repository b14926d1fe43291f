// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The parts of the predicted error, which Ledger puts together: predicted error of a plan =
//   sum over forwards and heads of
//     dt^2 x w(t) x gain(t, head) x head_error(t, head, pattern) x coherence(pattern).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "twill/plan/profile.h"
#include "twill/search/forwards.h"

namespace twill::search {

// What a rule counts of a head's loss in a forward.
enum class Measure : std::uint8_t {
  kHeadError,  // relative to the head's own output
  kGain,       // x gain: relative to the residual stream
  kError,      // the whole predicted error: x gain, coherence, w(t) and the forward's weight
};
inline constexpr std::array<std::pair<Measure, std::string_view>, 3> kMeasureNames{{
    {Measure::kHeadError, "relative"},
    {Measure::kGain, "gain"},
    {Measure::kError, "gain_and_time"},
}};

// w(t).
double weight_at(const TimeWeight& table, double t);
// What stands in where nothing was calibrated: an error made at t counts most in the first steps,
// which settle what the clip shows.
TimeWeight default_time_weight();
// Throws Error(kUsage): no entry, times that do not ascend within 0..1, a weight that is negative
// or not finite.
void check_time_weight(const TimeWeight& weight);

// How much more of a pattern's error is seen in the clip than of other patterns'. An error that
// differs from token to token is mostly washed out by the layers after it. What mean and skip leave
// out is missing from all tokens of a head alike, at every step: it shows as a shift of brightness
// or colour. tests/bench/method.md tells how the factor was measured.
double coherence(PatternKind kind);

// What a head error is multiplied with at `layout`, [candidates]: tiles are computed whole and
// frames count absolutely, so a pattern leaves out another share of the cells there, and errors
// grow with that share to the power 1.5. 1 at the profile's own layout, and for what has no cells.
// tests/bench/method.md tells how the power was measured.
std::vector<double> layout_factors(const Profile& profile, const TokenLayout& layout);
// With the candidates' densities at `layout` at hand, [candidates].
std::vector<double> layout_factors(const Profile& profile, const TokenLayout& layout,
                                   const std::vector<double>& density);

// Between the profile's times gain x head_error goes in a straight line; outside it is constant.
struct TimeBlend {
  std::size_t first = 0, second = 0;  // indices into Profile::t
  double second_share = 0.0;
};
TimeBlend blend_at(const std::vector<double>& times, double t);

// The plan's patterns as candidates, [patterns]. Throws Error(kModel) naming the pattern that is
// none.
std::vector<std::size_t> candidates_of(const Profile& profile, const Plan& plan);
// Index of the candidate that computes every key. Throws Error(kModel) when there is none.
std::size_t dense_candidate(const Profile& profile);

}  // namespace twill::search
