// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The types of GGUF's tensors: plain numbers, and blocks of quantised ones. Layouts are those of
// ggml's block_* structs (https://github.com/ggml-org/ggml, ggml-common.h).
#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "twill/engine/stored_numbers.h"

namespace twill::engine {

struct GgmlType {
  std::uint32_t number = 0;  // in files
  std::string_view name;
  std::uint64_t elements = 1;  // of a block, all of one row
  std::uint64_t bytes = 0;     // of a block
  // Of plain numbers; Undefined for blocks.
  at::ScalarType dtype = at::ScalarType::Undefined;
  // Writes elements * blocks fp32 numbers, bit for bit those of the gguf package of Python. Null
  // for plain numbers, and for blocks that are not read.
  void (*dequantise)(const std::uint8_t* from, std::int64_t blocks, float* to) = nullptr;
  StoredNumbers numbers = StoredNumbers::kPlain;  // of blocks that are read

  bool is_plain() const { return dtype != at::ScalarType::Undefined; }
  bool is_read() const { return is_plain() || dequantise != nullptr; }
};

// Null for a number that ggml does not have.
const GgmlType* ggml_type(std::uint32_t number);
// Null for what is no block.
const GgmlType* ggml_type(StoredNumbers numbers);
// "F32, F16, ...": those that are read, for messages.
std::string ggml_types_read();

}  // namespace twill::engine
