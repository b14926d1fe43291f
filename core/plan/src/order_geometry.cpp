// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "order_geometry.h"

#include <algorithm>
#include <numeric>

#include "twill/kernels/tile_list.h"

namespace twill {
namespace {

using kernels::kKeyTile;
using kernels::kQueryTile;

// Collects ascending ranges of positions and adds the key tiles that they touch. Ranges less than a
// key tile apart are joined: no key tile fits into the gap, so joining adds none.
class RangeJoiner {
 public:
  RangeJoiner(TileSet& tiles, std::int32_t offset) : tiles_(tiles), offset_(offset) {}

  void add(std::int32_t first, std::int32_t last) {
    if (last_ >= 0 && first - last_ - 1 < kKeyTile) {
      last_ = last;
      return;
    }
    flush();
    first_ = first;
    last_ = last;
  }

  void flush() {
    if (last_ >= 0) {
      tiles_.add(tile_of(first_), tile_of(last_));
    }
  }

 private:
  // Unsigned division by a constant is one shift, and this runs millions of times.
  std::int32_t tile_of(std::int32_t position) const {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(offset_ + position) / kKeyTile);
  }

  TileSet& tiles_;
  std::int32_t offset_;
  std::int32_t first_ = 0;
  std::int32_t last_ = -1;
};

// Part of an axis inside one tile, counted from the tile's edge.
struct Piece {
  std::int32_t size, first, last;

  std::int32_t missing() const { return size - (last - first + 1); }
};

Piece piece_of(std::int32_t begin, std::int32_t end, std::int32_t tile_begin,
               std::int32_t axis_size, std::int32_t side) {
  const std::int32_t size = std::min(side, axis_size - tile_begin);
  return {size, std::max(begin - tile_begin, 0), std::min(end - tile_begin, size) - 1};
}

void add_in_tile(std::int32_t base, const Piece& outer, const Piece& middle, const Piece& inner,
                 RangeJoiner& ranges) {
  const std::int32_t plane = middle.size * inner.size;
  const std::int32_t width = inner.last - inner.first + 1;
  const std::int32_t low = middle.first * inner.size + inner.first;
  const std::int32_t high = middle.last * inner.size + inner.last;
  const bool rows_join = inner.size - width < kKeyTile;
  if (rows_join && plane - (high - low + 1) < kKeyTile) {
    ranges.add(base + outer.first * plane + low, base + outer.last * plane + high);
    return;
  }
  for (std::int32_t i = outer.first; i <= outer.last; ++i) {
    if (rows_join) {
      ranges.add(base + i * plane + low, base + i * plane + high);
      continue;
    }
    for (std::int32_t j = middle.first; j <= middle.last; ++j) {
      const std::int32_t row = base + i * plane + j * inner.size;
      ranges.add(row + inner.first, row + inner.last);
    }
  }
}

std::array<std::int32_t, 3> level_axes(OrderKind kind) {
  return kind == OrderKind::kTimeFastest ? std::array<std::int32_t, 3>{1, 2, 0}
                                         : std::array<std::int32_t, 3>{0, 1, 2};
}

}  // namespace

OrderGeometry::OrderGeometry(const TokenOrder& order, const TokenLayout& layout)
    : order_(order),
      layout_(layout),
      axes_(level_axes(order.kind)),
      key_tiles_(kernels::tile_count(layout.tokens(), kKeyTile)) {
  const std::int32_t grid[] = {layout.frames, layout.rows, layout.cols};
  const std::int32_t tile[] = {order.frames, order.rows, order.cols};
  for (std::size_t level = 0; level < 3; ++level) {
    sizes_[level] = grid[axes_[level]];
    sides_[level] = order.kind == OrderKind::kTiles ? std::min(tile[axes_[level]], sizes_[level])
                                                    : sizes_[level];
  }
  const std::int32_t query_tiles = kernels::tile_count(layout.tokens(), kQueryTile);
  const std::int32_t grid_end = layout.prefix + layout.grid_tokens();
  box_begin_.push_back(0);
  keeps_all_.resize(query_tiles);
  for (std::int32_t query_tile = 0; query_tile < query_tiles; ++query_tile) {
    const std::int32_t first = query_tile * kQueryTile;
    const std::int32_t end = std::min(first + kQueryTile, layout.tokens());
    keeps_all_[query_tile] = first < layout.prefix || end > grid_end;
    if (!keeps_all(query_tile)) {
      append_boxes(first - layout.prefix, end - layout.prefix);
    }
    box_begin_.push_back(static_cast<std::int32_t>(boxes_.size()));
  }
}

// Boxes are built over levels and turned to (frames, rows, columns) when stored.
void OrderGeometry::append_box(const GridBox& box) {
  GridBox stored;
  for (std::size_t level = 0; level < 3; ++level) {
    stored.begin[axes_[level]] = box.begin[level];
    stored.end[axes_[level]] = box.end[level];
  }
  boxes_.push_back(stored);
}

void OrderGeometry::append_boxes(std::int32_t first, std::int32_t end) {
  while (first < end) {
    // The tile that holds grid position `first`, from the outermost level inwards.
    GridBox tile;
    std::int32_t rest = first;
    std::int32_t block = sizes_[0] * sizes_[1] * sizes_[2];
    std::int32_t outer_size = 1;
    for (std::size_t level = 0; level < 3; ++level) {
      block /= sizes_[level];
      const std::int32_t per_tile = sides_[level] * outer_size * block;
      const std::int32_t index = rest / per_tile;
      tile.begin[level] = index * sides_[level];
      tile.end[level] = std::min(tile.begin[level] + sides_[level], sizes_[level]);
      rest -= index * per_tile;
      outer_size *= tile.end[level] - tile.begin[level];
    }
    // Whole tiles in a row of tiles make one box.
    const std::int32_t tile_tokens = outer_size;
    std::int32_t taken = std::min(tile_tokens - rest, end - first);
    if (rest == 0) {
      const std::int32_t slice = tile_tokens / (tile.end[2] - tile.begin[2]);
      const std::int32_t reach = std::min((end - first) / slice, sizes_[2] - tile.begin[2]);
      const bool to_the_edge = tile.begin[2] + reach == sizes_[2];
      const std::int32_t whole = to_the_edge ? reach : reach / sides_[2] * sides_[2];
      if (whole > tile.end[2] - tile.begin[2]) {
        tile.end[2] = tile.begin[2] + whole;
        taken = whole * slice;
      }
    }
    append_boxes_in_tile(tile, rest, rest + taken);
    first += taken;
  }
}

// A range of a tile's own raster: part of a row, rows, planes, rows, part of a row.
void OrderGeometry::append_boxes_in_tile(const GridBox& tile, std::int32_t first,
                                         std::int32_t end) {
  const std::int32_t width = tile.end[2] - tile.begin[2];
  const std::int32_t plane = (tile.end[1] - tile.begin[1]) * width;
  while (first < end) {
    GridBox box = tile;
    const std::int32_t outer = first / plane, row = first % plane / width, col = first % width;
    box.begin[0] = tile.begin[0] + outer;
    std::int32_t taken = 0;
    if (first % plane == 0 && end - first >= plane) {
      const std::int32_t planes = (end - first) / plane;
      box.end[0] = box.begin[0] + planes;
      taken = planes * plane;
    } else {
      box.end[0] = box.begin[0] + 1;
      box.begin[1] = tile.begin[1] + row;
      if (col == 0 && end - first >= width) {
        const std::int32_t rows = std::min((end - first) / width, plane / width - row);
        box.end[1] = box.begin[1] + rows;
        taken = rows * width;
      } else {
        taken = std::min(end - first, width - col);
        box.end[1] = box.begin[1] + 1;
        box.begin[2] = tile.begin[2] + col;
        box.end[2] = box.begin[2] + taken;
      }
    }
    append_box(box);
    first += taken;
  }
}

void OrderGeometry::add_tiles(const GridBox& box, TileSet& tiles) const {
  std::array<std::int32_t, 3> begin{};
  std::array<std::int32_t, 3> end{};
  for (std::size_t level = 0; level < 3; ++level) {
    begin[level] = box.begin[axes_[level]];
    end[level] = box.end[axes_[level]];
  }
  const auto [outer_size, middle_size, inner_size] = sizes_;
  const auto [outer_side, middle_side, inner_side] = sides_;
  const std::int32_t outer_begin = begin[0] / outer_side * outer_side;
  const std::int32_t middle_begin = begin[1] / middle_side * middle_side;
  // The first and last tile of a row of tiles may be cut by the box; those between look alike.
  const std::int32_t left_begin = begin[2] / inner_side * inner_side;
  const std::int32_t right_begin = (end[2] - 1) / inner_side * inner_side;
  const Piece left = piece_of(begin[2], end[2], left_begin, inner_size, inner_side);
  const Piece right = piece_of(begin[2], end[2], right_begin, inner_size, inner_side);
  const Piece between{inner_side, 0, inner_side - 1};
  const std::int32_t missing = std::max(left.missing(), right.missing());
  RangeJoiner ranges(tiles, layout_.prefix);
  for (std::int32_t i = outer_begin; i < end[0]; i += outer_side) {
    const Piece outer = piece_of(begin[0], end[0], i, outer_size, outer_side);
    for (std::int32_t j = middle_begin; j < end[1]; j += middle_side) {
      const Piece middle = piece_of(begin[1], end[1], j, middle_size, middle_side);
      const std::int32_t row_base = i * middle_size * inner_size + j * inner_size * outer.size;
      const std::int32_t slice = outer.size * middle.size;
      // The longest gaps: between two tiles, and between two planes or rows of one tile (at most).
      const std::int32_t plane_gap = middle.missing() * inner_side;
      const std::int32_t tile_gap = outer.missing() * middle.size * inner_side + plane_gap;
      if (std::max(tile_gap, plane_gap + missing) < kKeyTile) {
        ranges.add(row_base + left_begin * slice +
                       (outer.first * middle.size + middle.first) * left.size + left.first,
                   row_base + right_begin * slice +
                       (outer.last * middle.size + middle.last) * right.size + right.last);
        continue;
      }
      const std::int32_t low = outer.first * middle.size + middle.first;
      const std::int32_t high = outer.last * middle.size + middle.last;
      for (std::int32_t k = left_begin; k <= right_begin; k += inner_side) {
        const Piece& inner = k == left_begin ? left : k == right_begin ? right : between;
        const std::int32_t base = row_base + k * slice;
        if (plane_gap + missing < kKeyTile) {
          ranges.add(base + low * inner.size + inner.first, base + high * inner.size + inner.last);
        } else {
          add_in_tile(base, outer, middle, inner, ranges);
        }
      }
    }
  }
  ranges.flush();
}

void OrderGeometry::add_text_tiles(TileSet& tiles) const {
  if (layout_.prefix > 0) {
    tiles.add(0, (layout_.prefix - 1) / kKeyTile);
  }
  if (layout_.suffix > 0) {
    tiles.add((layout_.prefix + layout_.grid_tokens()) / kKeyTile, key_tiles_ - 1);
  }
}

std::vector<std::int32_t> OrderGeometry::position_to_token() const {
  std::vector<std::int32_t> tokens;
  tokens.reserve(layout_.tokens());
  tokens.resize(layout_.prefix);
  std::iota(tokens.begin(), tokens.end(), 0);
  std::array<std::int32_t, 3> strides{};  // raster tokens per step of a level
  const std::int32_t raster[] = {layout_.frame_tokens(), layout_.cols, 1};
  for (std::size_t level = 0; level < 3; ++level) {
    strides[level] = raster[axes_[level]];
  }
  for (std::int32_t i = 0; i < sizes_[0]; i += sides_[0]) {
    for (std::int32_t j = 0; j < sizes_[1]; j += sides_[1]) {
      for (std::int32_t k = 0; k < sizes_[2]; k += sides_[2]) {
        for (std::int32_t x = i; x < std::min(i + sides_[0], sizes_[0]); ++x) {
          for (std::int32_t y = j; y < std::min(j + sides_[1], sizes_[1]); ++y) {
            for (std::int32_t z = k; z < std::min(k + sides_[2], sizes_[2]); ++z) {
              tokens.push_back(layout_.prefix + x * strides[0] + y * strides[1] + z * strides[2]);
            }
          }
        }
      }
    }
  }
  for (std::int32_t token = layout_.prefix + layout_.grid_tokens(); token < layout_.tokens();
       ++token) {
    tokens.push_back(token);
  }
  return tokens;
}

}  // namespace twill
