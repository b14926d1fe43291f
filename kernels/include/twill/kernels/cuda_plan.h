// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The plan step of the CUDA kernels: tables of lists and tasks -> one block of 32-bit words that is
// copied to the device once. Host code without CUDA, so that every build makes and tests it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "twill/kernels/cuda_words.h"
#include "twill/kernels/status.h"
#include "twill/kernels/tile_list.h"

namespace twill::kernels {

// What the tables of a device are made from. A variant is one state of the plan (a segment of an
// expert, as a rule); which one holds is a word in device memory, so that a captured graph follows.
struct CudaPlanInput {
  std::int32_t tokens = 0;
  std::span<const TileListView> lists;
  std::int32_t variants = 0;
  std::int32_t layers = 0;
  std::span<const std::span<const HeadTask>> tasks;  // [variants, layers] of [heads of the layer]
};

struct CudaPlan {
  std::int32_t tokens = 0;
  std::int32_t variants = 0;
  CudaPlanOffsets offsets;
  std::vector<std::int32_t> image;  // to be copied to the device, 16-byte aligned
  struct Layer {
    std::int32_t heads = 0;
    // Most in any variant.
    std::int32_t gathered = 0;     // heads with a token order in the first part
    std::int32_t quantised = 0;    // heads of the second part
    std::int32_t in_elements = 0;  // heads of the first
    std::int32_t means = 0;
  };
  std::vector<Layer> layers;

  std::size_t bytes() const { return image.size() * sizeof(std::int32_t); }
};

// Work of a layer is handed out in this order: query tiles with more than twice the mean of their
// list (rows of text), then head by head, the dear ones first, neighbouring query tiles together so
// that they share keys in the L2; where neighbours share less than half of their keys, the longest
// first, so that those that run together keep pace; heads without keys last.
Status make_cuda_plan(const CudaPlanInput& input, CudaPlan* plan);

}  // namespace twill::kernels
