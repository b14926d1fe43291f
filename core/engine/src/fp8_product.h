// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Products in fp8 (e4m3): rows of the input and of the weight have a scale each, sums are fp32.
#pragma once

#include <ATen/core/Tensor.h>

#include "twill/engine/kept_matrix.h"

namespace twill::engine {

// A weight [rows, columns], each row with its own scale. On the weight's device.
KeptMatrix as_fp8(const at::Tensor& weight);

// Whether fp8_linear() takes it: e4m3 that no LoRA changes, of whole 16 rows and columns.
bool takes_fp8(const KeptMatrix& weight);

// x weight^T + bias. x: [batch, tokens, in] bf16; bias: [out] bf16. On a GPU by its fp8 units, on
// the CPU in fp32 of the same fp8 numbers.
at::Tensor fp8_linear(const at::Tensor& x, const KeptMatrix& weight, const at::Tensor& bias);

}  // namespace twill::engine
