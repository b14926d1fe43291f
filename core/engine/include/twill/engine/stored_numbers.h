// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How numbers of weights stand in memory as their files have them, where that is smaller than what
// products take: fp8, and blocks of GGUF.
#pragma once

#include <cstdint>

namespace twill::engine {

enum class StoredNumbers : std::uint8_t {
  kPlain,  // in the dtype of the product
  kE4m3,
  kE5m2,
  kQ8_0,
  kQ6_K,
  kQ5_K,
  kQ4_K,
  kQ3_K,
  kQ2_K,
  kQ5_1,
  kQ5_0,
  kQ4_1,
  kQ4_0,
};

}  // namespace twill::engine
