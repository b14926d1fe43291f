// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// One element of a tensor, from and to fp32.
#pragma once

#include <bit>
#include <cstdint>

#include "twill/kernels/attention.h"

namespace twill::kernels {

constexpr std::int64_t element_bytes(Dtype dtype) { return dtype == Dtype::kF32 ? 4 : 2; }

inline const void* element_at(const void* base, std::int64_t index, Dtype dtype) {
  return static_cast<const char*>(base) + index * element_bytes(dtype);
}
inline void* element_at(void* base, std::int64_t index, Dtype dtype) {
  return static_cast<char*>(base) + index * element_bytes(dtype);
}

struct Bf16 {
  std::uint16_t bits = 0;
};
struct F16 {
  std::uint16_t bits = 0;
};

inline float to_float(float value) { return value; }
inline float to_float(Bf16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}
inline float to_float(F16 value) {
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000u) << 16;
  const std::uint32_t magnitude = value.bits & 0x7fffu;
  if (magnitude >= 0x7c00u) {  // infinity or NaN
    return std::bit_cast<float>(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  }
  // Multiplying shifts the exponent and makes subnormals normal; it is exact.
  const float scaled = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(scaled));
}

// Round to nearest, ties to even.
inline void from_float(float value, float& to) { to = value; }
inline void from_float(float value, Bf16& to) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    to.bits = static_cast<std::uint16_t>(bits >> 16 | 0x40u);  // a NaN stays one
    return;
  }
  to.bits = static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
inline void from_float(float value, F16& to) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  std::uint32_t half = 0;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u;
  } else if (magnitude >= 0x477ff000u) {  // 65520 and above round to infinity
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) {
    // Below 2^-14: adding 0.5 leaves the subnormal's bits, rounded by the hardware, at the bottom.
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  } else {
    half = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
  }
  to.bits = static_cast<std::uint16_t>(sign | half);
}

// call(Element{}) with the dtype's element type.
template <typename Call>
decltype(auto) with_element(Dtype dtype, const Call& call) {
  switch (dtype) {
    case Dtype::kBf16:
      return call(Bf16{});
    case Dtype::kF16:
      return call(F16{});
    case Dtype::kF32:
      break;
  }
  return call(float{});
}

}  // namespace twill::kernels
