// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The scale of an attention call as its kernels take it.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace twill::kernels {

// |scale| log2(e), what scores are multiplied with before weights are powers of 2; a negative
// scale's sign goes to the queries. Keys behind the last token have the score -infinity, which
// times 0 (or a denormal, where these are flushed) is not a number: hence the floor, with which a
// score below 2^100 still has the weight 1 that a scale of 0 means.
inline float base2_factor(float scale) {
  return std::max(std::abs(scale) * std::numbers::log2e_v<float>,
                  std::numeric_limits<float>::min());
}

}  // namespace twill::kernels
