// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The transformer's element-wise steps, each one pass over memory on the CPU and on CUDA (rows of a
// multiple of 8 elements, 8,192 at most), and plain ATen elsewhere.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace twill::engine {

inline constexpr double kDitEpsilon = 1e-6;

// Cosines and sines of the rotary positions of a frames x rows x cols grid: each [tokens, head_dim
// / 2] fp32, computed in double. The head is split into head_dim - 2 (head_dim / 6 * 2) elements
// for frames and twice (head_dim / 6 * 2).
struct RopeTable {
  at::Tensor cos;
  at::Tensor sin;
};
RopeTable make_rope_table(std::int64_t frames, std::int64_t rows, std::int64_t cols,
                          std::int64_t head_dim, at::Device device);

// layer_norm(x) * multiply + add over the last axis, in `dtype`. x: [batch, tokens, dim] fp32;
// multiply, add: [batch or 1, dim] fp32.
at::Tensor layer_norm_affine(const at::Tensor& x, const at::Tensor& multiply, const at::Tensor& add,
                             at::ScalarType dtype);

// In place: RMS norm over the whole dim with `weight` [dim] fp32, then, with a table, the rotation
// of adjacent pairs in every head. x: [batch, tokens, dim], its last axis contiguous.
void rms_norm_rope_(at::Tensor& x, const at::Tensor& weight, const RopeTable* rope);

// x += y * gate. x: [batch, tokens, dim] fp32; gate: [batch, dim] fp32.
void add_gated_(at::Tensor& x, const at::Tensor& y, const at::Tensor& gate);

// In place: GELU in its form with a hyperbolic tangent.
void gelu_tanh_(at::Tensor& x);

// The same of x weight^T + bias. x: [batch, tokens, in].
at::Tensor linear_gelu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace twill::engine
