// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// One loop body, compiled for the baseline and for AVX2: the compiler vectorises it, the processor
// is asked at run time. TWILL_DISPATCH(template, name, (parameters), (arguments)) defines `name`
// from the always-inlined `name_body`.
#pragma once

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
