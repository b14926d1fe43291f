// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the scale of a row in fp8 follows from; also for CUDA.
#pragma once

namespace twill::engine {

inline constexpr float kGreatestE4m3 = 448.0f;
inline constexpr float kLeastOfRow = 1e-12f;  // a row of zeros has a scale above 0

}  // namespace twill::engine
