// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "block_values.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

namespace twill::engine {
namespace {

constexpr std::int64_t kGrainElements = 1 << 15;  // of one thread

}  // namespace

void write_blocks(const GgmlType& type, const std::uint8_t* from, at::Tensor to) {
  const auto elements = static_cast<std::int64_t>(type.elements);
  const at::Tensor flat = to.view({-1});
  const std::int64_t blocks = flat.numel() / elements;
  const std::int64_t blocks_of_piece = std::min(blocks, kPieceElements / elements);
  const bool direct = flat.scalar_type() == at::kFloat;
  at::Tensor numbers;
  if (!direct) {
    numbers = at::empty({blocks_of_piece * elements}, at::TensorOptions().dtype(at::kFloat));
  }
  for (std::int64_t done = 0; done < blocks; done += blocks_of_piece) {
    const std::int64_t count = std::min(blocks - done, blocks_of_piece);
    const std::uint8_t* const piece = from + static_cast<std::uint64_t>(done) * type.bytes;
    at::Tensor made = flat.narrow(0, done * elements, count * elements);
    auto* const out = (direct ? made : numbers).mutable_data_ptr<float>();
    at::parallel_for(0, count, kGrainElements / elements,
                     [&](std::int64_t first, std::int64_t last) {
                       type.dequantise(piece + static_cast<std::uint64_t>(first) * type.bytes,
                                       last - first, out + first * elements);
                     });
    if (!direct) {
      made.copy_(numbers.narrow(0, 0, count * elements));
    }
  }
}

}  // namespace twill::engine
