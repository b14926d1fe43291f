// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Blocks of GGUF as numbers in memory, on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "gguf_blocks.h"

namespace twill::engine {

// Numbers that are made at a time, so that they stay in the caches; a multiple of every block's.
inline constexpr std::int64_t kPieceElements = 1 << 18;

// Fills `to`, on the CPU and contiguous, in any floating-point dtype: whole blocks, rounded once.
void write_blocks(const GgmlType& type, const std::uint8_t* from, at::Tensor to);

}  // namespace twill::engine
