// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cstdint>

#include "twill/engine/vae.h"

namespace twill::engine {
namespace {

// Cells along a side: 128 pixels of Wan 2.1, whose tiles then are of 240 pixels with what is around
// them, where diffusers' are of 256.
constexpr std::int64_t kLeastSide = 16;

}  // namespace

VaeTiles most_tiles(const LatentGrid& grid) {
  const auto of = [](std::int64_t cells) { return std::max<std::int64_t>(1, cells / kLeastSide); };
  return {.rows = of(grid.rows), .cols = of(grid.cols)};
}

VaeTiles tiles_within(std::int64_t room, const LatentGrid& grid,
                      const std::function<std::int64_t(const VaeTiles&)>& bytes) {
  const VaeTiles most = most_tiles(grid);
  VaeTiles best = most;
  std::int64_t best_bytes = bytes(most);
  for (VaeTiles tiles; tiles.rows <= most.rows; ++tiles.rows) {
    for (tiles.cols = 1; tiles.cols <= most.cols && tiles.count() <= best.count(); ++tiles.cols) {
      const std::int64_t taken = bytes(tiles);
      if (taken <= room && (tiles.count() < best.count() || taken < best_bytes)) {
        best = tiles;
        best_bytes = taken;
      }
    }
  }
  return best;
}

}  // namespace twill::engine
