// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The networks' element-wise steps on a CUDA device, one pass over memory each. Pointers are of the
// device; a stream is a cudaStream_t. Launches only: nothing is waited for. A build without nvcc
// has them too, and takes no call.
#pragma once

#include <cstdint>

#include "twill/kernels/attention_tensors.h"
#include "twill/kernels/status.h"

namespace twill::engine::cuda {

// Whether these kernels are in this build and take rows of so many elements: a multiple of 8, 8,192
// at most, addresses being multiples of 16 bytes.
bool takes_rows(std::int64_t dim);

// out = layer_norm(x) * multiply + add. x: [rows, dim] fp32; out: [rows, dim].
struct NormRows {
  const float* x;
  const float* multiply;  // [dim] of a group of rows
  const float* add;
  std::int64_t multiply_stride;  // between groups; 0: one for all
  std::int64_t add_stride;
  std::int64_t rows_of_group;
  std::int64_t rows;
  std::int64_t dim;
  float epsilon;
  void* out;
  kernels::Dtype dtype;  // of out
};
kernels::Status layer_norm_affine(const NormRows& rows, void* stream);

// In place: x / sqrt(mean(x^2) + epsilon) * weight, then, with cosines, the rotation of adjacent
// pairs in every head. x: [rows, dim], a row of the tables for each of `tokens`, which come again.
struct RopeRows {
  void* x;
  std::int64_t row_stride;
  const float* weight;  // [dim]
  const float* cos;     // [tokens, head_dim / 2]; null: no rotation
  const float* sin;
  std::int64_t tokens;
  std::int64_t rows;
  std::int64_t dim;
  std::int64_t head_dim;  // a multiple of 8
  float epsilon;
  kernels::Dtype dtype;
};
kernels::Status rms_norm_rope(const RopeRows& rows, void* stream);

// x += y * gate. x: [rows, dim] fp32; y: [rows, dim].
struct GatedRows {
  float* x;
  const void* y;
  const float* gate;  // [dim] of a group of rows
  std::int64_t gate_stride;
  std::int64_t rows_of_group;
  std::int64_t rows;
  std::int64_t dim;
  kernels::Dtype dtype;  // of y
};
kernels::Status add_gated(const GatedRows& rows, void* stream);

// silu(x / |x| * sqrt(channels) * gamma) of every pixel, beside those of the two frames before:
// out[f][pixel] = (f - 2, f - 1, f). x: [frames, pixels, channels]; out: [frames, pixels, 3,
// channels].
struct NormTaps {
  const void* x;
  const float* gamma;   // [channels]
  const void* history;  // [2, pixels, channels] before the first frame; null: zeros
  void* next_history;   // [2, pixels, channels]: the last two; not `history`
  void* out;
  std::int64_t frames;
  std::int64_t pixels;
  std::int64_t channels;
  float smallest_norm;
  kernels::Dtype dtype;
};
bool takes_channels(std::int64_t channels);  // as takes_rows
kernels::Status norm_silu_taps(const NormTaps& taps, void* stream);

}  // namespace twill::engine::cuda
