// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Fractions of an axis -> whole tokens. The only place that knows how they are rounded.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace twill {

// A product within this of a whole number is that number: 0.07 of 100 columns is 7 tokens, though
// 0.07 * 100 is 7.000000000000001 in double.
inline constexpr double kWholeToken = 1e-6;

// ceil(fraction * axis); at most 2^30, which is more than any layout has.
inline std::int32_t round_up(double fraction, std::int64_t axis) {
  constexpr double kMost = 1 << 30;
  return static_cast<std::int32_t>(
      std::min(kMost, std::ceil(fraction * static_cast<double>(axis) - kWholeToken)));
}

inline std::int32_t round_down(double fraction, std::int64_t axis) {
  return static_cast<std::int32_t>(std::floor(fraction * static_cast<double>(axis) + kWholeToken));
}

inline std::int32_t round_away(double fraction, std::int64_t axis) {
  return fraction < 0.0 ? -round_up(-fraction, axis) : round_up(fraction, axis);
}

}  // namespace twill
