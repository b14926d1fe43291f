// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a product is made with.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "twill/engine/kept_matrix.h"

namespace twill::engine {

// Matrices that stand below each other: [sum of rows, columns] in `dtype`. Stored numbers and what
// LoRAs add to them are computed in fp32 and rounded once; a plain matrix alone is given as it is.
at::Tensor values_of(const std::vector<KeptMatrix>& matrices, at::ScalarType dtype);

// Those matrices as one where all are plain or all are fp8 of one kind that no LoRA changes, else
// as they are.
std::vector<KeptMatrix> joined(std::vector<KeptMatrix> matrices);

}  // namespace twill::engine
