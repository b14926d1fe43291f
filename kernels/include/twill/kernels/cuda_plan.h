// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The plan step of the CUDA kernels: tables of lists and tasks -> one block of 32-bit words that is
// copied to the device once. Host code without CUDA, so that every build makes and tests it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

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

// Word offsets inside the image; all tables are int32.
struct CudaPlanOffsets {
  std::int64_t layers = 0;  // [variants, layers] CudaLayer records of layer_words each
  std::int64_t lists = 0;   // [lists] CudaList records
  std::int32_t layer_words = 0;
};

// First word of the image: the variant that holds.
inline constexpr std::int32_t kCudaHeaderWords = 4;

// Record of a layer: a CudaPart for each Precision, then the CudaHead records of the first part and
// those of the second, the dearest head of each first. Heads without keys are in the first. A part
// is a launch of its own.
inline constexpr std::int32_t kCudaParts = 2;
struct CudaPart {
  std::int32_t heavy = 0;  // items that go first, of one batch row
  std::int32_t others = 0;
  std::int32_t heads = 0;
  std::int32_t first_head = 0;  // index of its first record
};
inline constexpr std::int32_t kCudaLayerWords = 4 * kCudaParts;
struct CudaHead {
  std::int32_t head = 0;
  std::int32_t mode = 0;  // HeadMode
  std::int32_t list = -1;
  // Index among the heads of its part that are copied before the launch: those with a token order,
  // and every one that is quantised; -1 for the others.
  std::int32_t gathered = -1;
  std::int32_t heavy_before = 0;   // items that go first, of the heads before this one
  std::int32_t others_before = 0;  // the other items of the heads before this one
  std::int32_t heavy = 0;          // items of this head that go first
  std::int32_t precision = 0;      // Precision: its part
};
struct CudaList {
  std::int32_t runs = 0;       // word offset of KeyRun pairs
  std::int32_t run_begin = 0;  // [query_tiles + 1]
  std::int32_t tiles = 0;      // [query_tiles] key tiles of a query tile
  std::int32_t order = 0;      // [query_tiles] query tiles: the heavy ones, then the others
  std::int32_t positions = 0;  // position_to_token, 0: raster
  std::int32_t heavy = 0;
  std::int32_t spare[2] = {0, 0};
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
// that they share keys in the L2; heads without keys last.
Status make_cuda_plan(const CudaPlanInput& input, CudaPlan* plan);

}  // namespace twill::kernels
