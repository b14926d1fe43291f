// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The 16-bit elements of the CUDA kernels, as words: PTX converts them, and no CUDA header is
// needed.
#pragma once

#include "twill/kernels/integers.h"

namespace twill::kernels::cuda {

inline constexpr float kInfinity = __builtin_bit_cast(float, 0x7f800000u);

struct Bf16 {
  std::uint16_t bits;
};
struct F16 {
  std::uint16_t bits;
};

// Two values rounded to nearest even, `low` in the low half.
__device__ __forceinline__ std::uint32_t pack_pair(float low, float high, Bf16) {
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ std::uint32_t pack_pair(float low, float high, F16) {
  std::uint32_t pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
template <typename Element, int kCount>
__device__ __forceinline__ void pack(const float (&from)[kCount], std::uint32_t (&to)[kCount / 2]) {
#pragma unroll
  for (int i = 0; i < kCount / 2; ++i) {
    to[i] = pack_pair(from[2 * i], from[2 * i + 1], Element{});
  }
}

__device__ __forceinline__ float to_float(Bf16 value) {
  return __uint_as_float(static_cast<std::uint32_t>(value.bits) << 16);
}
__device__ __forceinline__ float to_float(F16 value) {
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(value.bits));
  return wide;
}
template <typename Element>
__device__ __forceinline__ void from_float(float value, Element& to) {
  to.bits = static_cast<std::uint16_t>(pack_pair(value, 0.0f, Element{}));
}
template <typename Element>
__device__ __forceinline__ float2 pair_of(std::uint32_t bits, Element) {
  return {to_float(Element{static_cast<std::uint16_t>(bits)}),
          to_float(Element{static_cast<std::uint16_t>(bits >> 16)})};
}

}  // namespace twill::kernels::cuda
