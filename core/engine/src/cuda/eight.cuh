// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Eight neighbouring elements of any dtype as floats; addresses are multiples of 16 bytes.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace twill::engine::cuda {

inline constexpr int kEight = 8;

__device__ inline float2 floats_of(__nv_bfloat162 pair) { return __bfloat1622float2(pair); }
__device__ inline float2 floats_of(__half2 pair) { return __half22float2(pair); }
__device__ inline void pair_of(float2 values, __nv_bfloat162& to) {
  to = __float22bfloat162_rn(values);
}
__device__ inline void pair_of(float2 values, __half2& to) { to = __float22half2_rn(values); }

template <typename Element>
struct PairOf;
template <>
struct PairOf<__nv_bfloat16> {
  using Type = __nv_bfloat162;
};
template <>
struct PairOf<__half> {
  using Type = __half2;
};

template <typename Element>
__device__ inline void load_eight(const Element* from, float (&to)[kEight]) {
  using Pair = typename PairOf<Element>::Type;
  union {
    uint4 words;
    Pair pairs[4];
  } read;
  read.words = *reinterpret_cast<const uint4*>(from);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float2 values = floats_of(read.pairs[i]);
    to[2 * i] = values.x;
    to[2 * i + 1] = values.y;
  }
}
__device__ inline void load_eight(const float* from, float (&to)[kEight]) {
  const float4 low = reinterpret_cast<const float4*>(from)[0];
  const float4 high = reinterpret_cast<const float4*>(from)[1];
  to[0] = low.x, to[1] = low.y, to[2] = low.z, to[3] = low.w;
  to[4] = high.x, to[5] = high.y, to[6] = high.z, to[7] = high.w;
}

template <typename Element>
__device__ inline void store_eight(const float (&from)[kEight], Element* to) {
  using Pair = typename PairOf<Element>::Type;
  union {
    uint4 words;
    Pair pairs[4];
  } made;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    pair_of(make_float2(from[2 * i], from[2 * i + 1]), made.pairs[i]);
  }
  *reinterpret_cast<uint4*>(to) = made.words;
}
__device__ inline void store_eight(const float (&from)[kEight], float* to) {
  reinterpret_cast<float4*>(to)[0] = make_float4(from[0], from[1], from[2], from[3]);
  reinterpret_cast<float4*>(to)[1] = make_float4(from[4], from[5], from[6], from[7]);
}

// Calls with a null pointer of the elements' type.
template <typename Function>
void with_element(kernels::Dtype dtype, const Function& function) {
  if (dtype == kernels::Dtype::kF32) {
    function(static_cast<float*>(nullptr));
  } else if (dtype == kernels::Dtype::kBf16) {
    function(static_cast<__nv_bfloat16*>(nullptr));
  } else {
    function(static_cast<__half*>(nullptr));
  }
}

}  // namespace twill::engine::cuda
