// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a Wan VAE takes of a GPU's memory, from the sizes of its layers.
#include "vae_memory.h"

#include <ATen/ATen.h>

#include <algorithm>

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

// In bytes, of one frame at a level's size.
struct LevelBytes {
  std::int64_t in = 0;
  std::int64_t out = 0;
  std::int64_t largest = 0;
  // What the levels nearer to the clip get of it or, encoding, gave for it.
  std::int64_t passed = 0;
};

std::array<LevelBytes, kVaeLevels> bytes_of(const Levels& levels, at::ScalarType dtype,
                                            VaeWork work, const VaeArea& area) {
  std::array<LevelBytes, kVaeLevels> all;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const Level& level = levels[i];
    const auto of = [&](std::int64_t channels) {
      return level.side * level.side * (i == 0 ? area.frame : area.part) * channels *
             static_cast<std::int64_t>(c10::elementSize(dtype));
    };
    all[i] = {.in = of(level.in),
              .out = of(level.out),
              .largest = of(std::max(level.in, level.out)),
              .passed = work == VaeWork::kEncode ? of(level.in) : 0};
  }
  for (std::size_t i = 0; work == VaeWork::kDecode && i + 1 < levels.size(); ++i) {
    all[i].passed = levels[i + 1].frames / levels[i].frames * all[i + 1].in;
  }
  return all;
}

VaeGroups groups_of(const std::array<LevelBytes, kVaeLevels>& levels, std::int64_t most_bytes) {
  VaeGroups groups{};
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const std::int64_t frame = std::max(3 * levels[i].largest, 2 * levels[i].passed);
    groups[i] = std::max<std::int64_t>(1, most_bytes / frame);
  }
  return groups;
}

std::int64_t longest(std::int64_t cells, std::int64_t tiles, std::int64_t reach) {
  std::int64_t length = 0;
  for (const VaeSpan& span : vae_spans(cells, tiles, reach)) {
    length = std::max(length, span.to - span.from);
  }
  return length;
}

}  // namespace

VaeGroups vae_groups(const WanVaeConfig& config, at::ScalarType dtype, VaeWork work,
                     const VaeArea& area, std::int64_t most_bytes) {
  VaeGroups groups = groups_of(bytes_of(levels_of(config, work), dtype, work, area), most_bytes);
  if (work == VaeWork::kEncode) {
    std::ranges::reverse(groups);
  }
  return groups;
}

std::int64_t wan_vae_bytes(const WanVaeConfig& config, at::ScalarType dtype, VaeWork work,
                           const LatentGrid& grid, const VaeTiles& tiles) {
  const bool decodes = work == VaeWork::kDecode;
  const bool in_tiles = tiles.count() > 1;
  const std::int64_t reach = decodes ? kDecoderReach : kEncoderReach;
  VaeArea area{.frame = grid.rows * grid.cols, .part = grid.rows * grid.cols};
  if (in_tiles) {
    area.part = longest(grid.rows, tiles.rows, reach) * longest(grid.cols, tiles.cols, reach);
  }
  const Levels levels = levels_of(config, work);
  const auto bytes = bytes_of(levels, dtype, work, area);
  const VaeGroups groups = groups_of(bytes, in_tiles ? kMostVaeBytes : kMostVaeBytesOnGpu);
  const auto frames = [&](std::size_t i) {
    return std::min(groups[i], grid.frames == 1 ? 1 : grid.frames * levels[i].frames);
  };
  const std::size_t head = decodes ? levels.size() - 1 : 0;
  const auto remembered = [&](std::size_t i) {
    const std::int64_t convs = 2 * (decodes ? kDecoderBlocks : kEncoderBlocks);
    return 2 * (bytes[i].in + (convs - 1 + (i == head ? 1 : 0)) * bytes[i].out);
  };
  // Of a residual block its input, what either half makes, and the taps; and the two frames that
  // are remembered from now on, while those before are still there. Shortcuts around levels hold
  // and fold what they saw.
  const std::int64_t shortcut = config.residual && !decodes ? 4 : 0;
  const auto working = [&](std::size_t i) {
    return ((6 + shortcut) * frames(i) + 2) * bytes[i].largest;
  };
  constexpr std::int64_t kMiddleConvs = 4;
  const std::int64_t at_cells = remembered(0) + 2 * kMiddleConvs * bytes[0].out;
  std::int64_t kept = 0;
  std::int64_t waiting = 0;  // made for a level nearer to the clip or, encoding, collected from it
  std::int64_t most = 0;
  for (std::size_t i = 1; i < levels.size(); ++i) {
    kept += remembered(i);
    waiting += frames(i - 1) * bytes[i - 1].passed;
    most = std::max(most, waiting + working(i));
  }
  const std::int64_t stride = config.spatial_stride();
  const std::int64_t video =
      decodes ? (4 * (grid.frames - 1) + 1) * area.frame * stride * stride * 3 : 0;
  // Of an H200 it took up to 3 % more than that: blocks are rounded up, and cuDNN has its own.
  const auto with_slack = [](std::int64_t sum) { return sum + sum / 20; };
  if (!in_tiles) {
    return with_slack(at_cells + kept + std::max(working(0), most) + video);
  }
  // Between the two parts of the work all cells stand there, and with them what a shortcut around
  // the first level needs.
  const std::int64_t copies = decodes && config.residual ? 2 : 1;
  const std::int64_t cells = copies * grid.frames * bytes[0].out;
  return with_slack(cells + std::max(at_cells + working(0), kept + most) + video);
}

}  // namespace twill::engine
