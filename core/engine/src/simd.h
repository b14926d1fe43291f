// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// One loop body, compiled for the baseline and for AVX2: the compiler vectorises it, the processor
// is asked at run time. TWILL_DISPATCH(template, name, (parameters), (arguments)) defines `name`
// from the always-inlined `name_body`.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#define TWILL_INLINE inline __attribute__((always_inline))
#define TWILL_DISPATCH(prefix, name, parameters, arguments)                \
  prefix __attribute__((target("avx2,fma"))) void name##_avx2 parameters { \
    name##_body arguments;                                                 \
  }                                                                        \
  prefix void name##_plain parameters { name##_body arguments; }           \
  prefix void name parameters {                                            \
    if (::twill::engine::has_avx2()) {                                     \
      name##_avx2 arguments;                                               \
    } else {                                                               \
      name##_plain arguments;                                              \
    }                                                                      \
  }

namespace twill::engine {

inline bool has_avx2() {
  static const bool has = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  return has;
}

}  // namespace twill::engine
#else
#define TWILL_INLINE inline
#define TWILL_DISPATCH(prefix, name, parameters, arguments) \
  prefix void name parameters { name##_body arguments; }
#endif

namespace twill::engine {

inline constexpr int kLanes = 8;

// A vector of GCC and Clang: one AVX2 register, or two of the baseline.
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
using IntLanes = std::int32_t __attribute__((vector_size(kLanes * sizeof(std::int32_t))));

TWILL_INLINE void load_lanes(const float* from, Lanes& to) { std::memcpy(&to, from, sizeof(to)); }
TWILL_INLINE void store_lanes(const Lanes& from, float* to) {
  std::memcpy(to, &from, sizeof(from));
}
template <typename Scalar>
TWILL_INLINE void load_lanes(const Scalar* from, Lanes& to) {
  for (int lane = 0; lane < kLanes; ++lane) {
    to[lane] = static_cast<float>(from[lane]);
  }
}
template <typename Scalar>
TWILL_INLINE void store_lanes(const Lanes& from, Scalar* to) {
  for (int lane = 0; lane < kLanes; ++lane) {
    to[lane] = static_cast<Scalar>(from[lane]);
  }
}

// x / (1 + e^-s). The exponential is exact to about one unit in the last place where it matters,
// |s| <= 87.
TWILL_INLINE void times_logistic(Lanes& x, const Lanes& s) {
  constexpr float kLog2e = 1.44269504f;
  // The two sum to ln 2; products of the first with small integers are exact.
  constexpr float kLn2High = 0.693145752f;
  constexpr float kLn2Low = 1.42860677e-6f;
  constexpr float kRound =
      12582912.0f;  // 1.5 * 2^23: adding and taking it away rounds to an integer
  constexpr float kMost = 87.0f;
  Lanes u = -s;
  u = u < -kMost ? Lanes{} - kMost : u;
  u = u > kMost ? Lanes{} + kMost : u;
  const Lanes n = (u * kLog2e + kRound) - kRound;
  const Lanes r = (u - n * kLn2High) - n * kLn2Low;
  Lanes sum = r * (1.0f / 5040.0f) + 1.0f / 720.0f;
  sum = sum * r + 1.0f / 120.0f;
  sum = sum * r + 1.0f / 24.0f;
  sum = sum * r + 1.0f / 6.0f;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  const IntLanes bits = (__builtin_convertvector(n, IntLanes) + 127) << 23;
  Lanes power;
  std::memcpy(&power, &bits, sizeof(power));
  x = x / (1.0f + sum * power);
}

TWILL_INLINE void silu_lanes(Lanes& x) { times_logistic(x, x); }

// The form with a hyperbolic tangent: x (1 + tanh u) / 2 = x / (1 + e^-2u), u = sqrt(2 / pi) (x +
// 0.044715 x^3).
TWILL_INLINE void gelu_lanes(Lanes& x) {
  constexpr float kTwiceRoot = 1.59576912f;  // 2 sqrt(2 / pi)
  const Lanes s = kTwiceRoot * (x + 0.044715f * x * x * x);
  times_logistic(x, s);
}

// Sums in kLanes partial sums: an order that vectorises and does not depend on the processor.
template <typename Scalar>
TWILL_INLINE float sum_of_squares(const Scalar* values, long count, float centre) {
  float lanes[kLanes] = {};
  long i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const float value = static_cast<float>(values[i + lane]) - centre;
      lanes[lane] += value * value;
    }
  }
  for (; i < count; ++i) {
    const float value = static_cast<float>(values[i]) - centre;
    lanes[i % kLanes] += value * value;
  }
  return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
         ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

TWILL_INLINE float sum_of(const float* values, long count) {
  float lanes[kLanes] = {};
  long i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += values[i + lane];
    }
  }
  for (; i < count; ++i) {
    lanes[i % kLanes] += values[i];
  }
  return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
         ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

}  // namespace twill::engine
