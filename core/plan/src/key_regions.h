// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Patterns at a layout, for whole boxes of queries: which boxes of keys does any query of a box
// keep. A box moved along every query of a box sweeps a box (the Minkowski sum of two boxes is
// one), and a raster interval is a few boxes, so boxes are all there is. Queries that a window's
// place leaves without a key are the grid less a box, hence a few boxes too.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "order_geometry.h"
#include "twill/plan/pattern.h"

namespace twill {

class KeyRegions {
 public:
  KeyRegions(const Pattern& pattern, const TokenLayout& layout);

  // Adds the key tiles that every query keeps: stripes.
  void add_fixed(const OrderGeometry& geometry, TileSet& tiles) const;
  // Adds the key tiles that any query of `queries` keeps, fixed ones left out.
  void add_moving(std::span<const GridBox> queries, const OrderGeometry& geometry,
                  TileSet& tiles) const;

 private:
  // Windows: key - query in [low, high] on each axis, in tokens; of a lost query within radius.
  struct Sweep {
    std::array<std::int32_t, 3> low, high, radius;
  };
  // Diagonals: raster bands `half_width` wide to both sides, `frames` frames out.
  struct Bands {
    std::int32_t frames, half_width;
  };

  void add_part(const Diagonal& part);
  void add_part(const MultiDiagonal& part);
  void add_part(const VerticalStripe& part);
  void add_part(const Window& part);

  // Raster ranges first..last of each frame in frame_first..frame_last; a range may reach over its
  // frame's ends, and all is cut at the grid's ends.
  struct Comb {
    std::int32_t frame_first, frame_last, first, last;
  };

  // Fills lost_.
  void find_lost();
  void add_lost(const GridBox& queries, const OrderGeometry& geometry, TileSet& tiles) const;
  void add_sweep(const Sweep& sweep, const GridBox& queries, const OrderGeometry& geometry,
                 TileSet& tiles) const;
  void add_bands(const Bands& bands, std::span<const GridBox> queries,
                 const OrderGeometry& geometry, TileSet& tiles) const;
  void add_comb(const Comb& comb, const OrderGeometry& geometry, TileSet& tiles) const;
  void add_in_frames(std::int32_t frame_first, std::int32_t frame_last, std::int32_t first,
                     std::int32_t last, const OrderGeometry& geometry, TileSet& tiles) const;

  TokenLayout layout_;
  std::vector<GridBox> fixed_;
  std::vector<GridBox> fixed_of_lost_;  // what only lost queries keep of stripes
  std::vector<GridBox> lost_;           // queries that find no key where the parts look
  std::vector<Sweep> sweeps_;
  std::vector<Bands> bands_;
};

}  // namespace twill
