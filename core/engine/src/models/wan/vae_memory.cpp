// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a Wan VAE takes of a GPU's memory, from the sizes of its layers.
#include "vae_memory.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include "vae_layers.h"
#include "vae_spans.h"

namespace twill::engine {
namespace {

struct Level {
  std::int64_t side;     // pixels of a cell's side
  std::int64_t frames;   // of a latent frame
  std::int64_t in, out;  // channels
};
using Levels = std::array<Level, kVaeLevels>;

// From the latents' own size to the clip's.
Levels levels_of(const WanVaeConfig& config, VaeWork work) {
  if (work == VaeWork::kEncode) {
    const std::int64_t w = config.encoder_width;
    return {{{1, 1, 4 * w, 4 * w}, {2, 2, 2 * w, 4 * w}, {4, 4, w, 2 * w}, {8, 4, w, w}}};
  }
  const std::int64_t w = config.decoder_width;
  const std::int64_t halved = config.residual ? 1 : 2;
  return {{{1, 1, 4 * w, 4 * w},
           {2, 2, 4 * w / halved, 4 * w},
           {4, 4, 4 * w / halved, 2 * w},
           {8, 4, 2 * w / halved, w}}};
}

struct Work {
  std::int64_t area = 0;    // cells
  std::int64_t chunk = 0;   // latent frames at a time
  std::int64_t convs = 0;   // causal ones of a level
  bool one_frame = false;   // a picture's
  std::int64_t number = 0;  // bytes of one
};

// The frames that layers remember, and beside them the largest layer's numbers: of a residual block
// its input, what either half makes and what a convolution makes of a group of frames, as much
// again as two of these for what the library works in, and the taps. Of a decode of 1280x720x81 in
// bf16 this says 9.6 GB with the video; measured on an H200 it took 9.1.
std::int64_t taken(std::span<const Level> levels, const Work& work) {
  std::int64_t kept = 0;
  std::int64_t most = 0;
  for (const Level& level : levels) {
    const std::int64_t pixels = level.side * level.side * work.area * work.number;
    kept += 2 * pixels * (level.in + (work.convs - 1) * level.out);
    const std::int64_t frames = work.one_frame ? 1 : work.chunk * level.frames;
    const std::int64_t largest = frames * pixels * std::max(level.in, level.out);
    most = std::max(most, 6 * largest + std::min(3 * largest, kMostTapsBytes));
  }
  return kept + most;
}

std::int64_t longest(std::int64_t cells, std::int64_t tiles, std::int64_t reach) {
  std::int64_t length = 0;
  for (const VaeSpan& span : vae_spans(cells, tiles, reach)) {
    length = std::max(length, span.to - span.from);
  }
  return length;
}

}  // namespace

std::int64_t vae_chunk(const WanVaeConfig& config, at::ScalarType dtype, VaeWork work,
                       std::int64_t area, std::int64_t most_bytes) {
  const Level widest = levels_of(config, work).back();
  const std::int64_t bytes = widest.frames * widest.side * widest.side * area * 3 *
                             std::max(widest.in, widest.out) *
                             static_cast<std::int64_t>(c10::elementSize(dtype));
  return std::max<std::int64_t>(1, most_bytes / bytes);
}

std::int64_t wan_vae_bytes(const WanVaeConfig& config, at::ScalarType dtype, VaeWork work,
                           const LatentGrid& grid, const VaeTiles& tiles) {
  const Levels levels = levels_of(config, work);
  const bool decodes = work == VaeWork::kDecode;
  const std::int64_t area = grid.rows * grid.cols;
  Work whole{.area = area,
             .chunk = 1,
             .convs = 2 * (decodes ? kDecoderBlocks : kEncoderBlocks),
             .one_frame = grid.frames == 1,
             .number = static_cast<std::int64_t>(c10::elementSize(dtype))};
  constexpr std::int64_t kMiddleConvs = 4;
  const std::int64_t middle = 2 * area * kMiddleConvs * levels[0].out * whole.number;
  if (tiles.count() == 1) {
    whole.chunk = std::min(grid.frames, vae_chunk(config, dtype, work, area, kMostVaeBytesOnGpu));
    const std::int64_t frames = decodes ? 4 * (grid.frames - 1) + 1 : 0;
    const std::int64_t stride = config.spatial_stride();
    const std::int64_t video = frames * area * stride * stride * 3 * 4;
    return middle + taken(levels, whole) + video;
  }
  const std::int64_t reach = decodes ? kDecoderReach : kEncoderReach;
  Work tile = whole;
  tile.area = longest(grid.rows, tiles.rows, reach) * longest(grid.cols, tiles.cols, reach);
  // At the latents' size a shortcut around the first level is kept too.
  const std::int64_t copies = decodes && config.residual ? 2 : 1;
  const std::int64_t cells = copies * grid.frames * area * levels[0].out * whole.number;
  const std::span<const Level> all(levels);
  return cells + std::max(middle + taken(all.first(1), whole), taken(all.subspan(1), tile));
}

}  // namespace twill::engine
