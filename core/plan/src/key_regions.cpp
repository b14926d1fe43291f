// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "key_regions.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "rounding.h"

namespace twill {
namespace {

std::int32_t floor_divide(std::int32_t value, std::int32_t by) {
  return value >= 0 ? value / by : -((by - 1 - value) / by);
}

std::array<std::int32_t, 3> sizes_of(const TokenLayout& layout) {
  return {layout.frames, layout.rows, layout.cols};
}

GridBox intersection(const GridBox& a, const GridBox& b) {
  GridBox both;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    both.begin[axis] = std::max(a.begin[axis], b.begin[axis]);
    both.end[axis] = std::min(a.end[axis], b.end[axis]);
  }
  return both;
}

// Appends the boxes that make up `box` without `hole`.
void append_difference(GridBox box, const GridBox& hole, std::vector<GridBox>& rest) {
  const GridBox both = intersection(box, hole);
  if (both.empty()) {
    rest.push_back(box);
    return;
  }
  for (std::size_t axis = 0; axis < 3; ++axis) {
    GridBox before = box, behind = box;
    before.end[axis] = both.begin[axis];
    behind.begin[axis] = both.end[axis];
    for (const GridBox& side : {before, behind}) {
      if (!side.empty()) {
        rest.push_back(side);
      }
    }
    box.begin[axis] = both.begin[axis];
    box.end[axis] = both.end[axis];
  }
}

}  // namespace

KeyRegions::KeyRegions(const Pattern& pattern, const TokenLayout& layout) : layout_(layout) {
  for (const SimplePattern& part : pattern.parts) {
    std::visit([this](const auto& simple) { add_part(simple); }, part);
  }
  find_lost();
}

// Lengths are cut at the size of the grid: longer ones keep the same keys, and sums stay inside 32
// bits.
void KeyRegions::add_part(const Diagonal& part) {
  const std::int32_t reach = round_up(part.reach, layout_.frame_tokens());
  bands_.push_back({.frames = 0, .half_width = std::min(reach, layout_.grid_tokens())});
}

void KeyRegions::add_part(const MultiDiagonal& part) {
  bands_.push_back({.frames = std::min(part.frames, layout_.frames),
                    .half_width = round_up(part.rows, layout_.rows) * layout_.cols +
                                  round_up(part.cols, layout_.cols)});
}

void KeyRegions::add_part(const VerticalStripe& part) {
  for (const KeyBox& box : part.boxes) {
    const GridBox keys{
        .begin = {frame_in_clip(box.frame_begin, layout_.frames),
                  round_down(box.row_begin, layout_.rows), round_down(box.col_begin, layout_.cols)},
        .end = {frame_in_clip(box.frame_end, layout_.frames), round_up(box.row_end, layout_.rows),
                round_up(box.col_end, layout_.cols)}};
    if (!keys.empty()) {
      fixed_.push_back(keys);
      continue;
    }
    GridBox moved = keys;
    moved.begin[0] = std::min(keys.begin[0], layout_.frames - 1);
    moved.end[0] = moved.begin[0] + 1;
    fixed_of_lost_.push_back(moved);
  }
}

void KeyRegions::add_part(const Window& part) {
  const std::array<std::int32_t, 3> sizes = sizes_of(layout_);
  const std::int64_t offsets[] = {part.offset_frames, round_away(part.offset_rows, layout_.rows),
                                  round_away(part.offset_cols, layout_.cols)};
  const std::int64_t radii[] = {part.frames, round_up(part.rows, layout_.rows),
                                round_up(part.cols, layout_.cols)};
  Sweep sweep{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t size = sizes[axis];
    sweep.low[axis] =
        static_cast<std::int32_t>(std::clamp(offsets[axis] - radii[axis], -size, size));
    sweep.high[axis] =
        static_cast<std::int32_t>(std::clamp(offsets[axis] + radii[axis], -size, size));
    sweep.radius[axis] = static_cast<std::int32_t>(std::min(radii[axis], size));
  }
  sweeps_.push_back(sweep);
}

void KeyRegions::find_lost() {
  if (!fixed_.empty() || !bands_.empty()) {
    return;  // a stripe serves every query, and a band holds the query itself
  }
  const std::array<std::int32_t, 3> sizes = sizes_of(layout_);
  lost_ = {GridBox{.begin = {}, .end = sizes}};
  for (const Sweep& sweep : sweeps_) {
    GridBox served;  // 0 <= query + high and query + low < size
    for (std::size_t axis = 0; axis < 3; ++axis) {
      served.begin[axis] = std::max(0, -sweep.high[axis]);
      served.end[axis] = std::min(sizes[axis], sizes[axis] - sweep.low[axis]);
    }
    std::vector<GridBox> rest;
    for (const GridBox& box : lost_) {
      append_difference(box, served, rest);
    }
    lost_ = std::move(rest);
  }
}

void KeyRegions::add_fixed(const OrderGeometry& geometry, TileSet& tiles) const {
  for (const GridBox& keys : fixed_) {
    geometry.add_tiles(keys, tiles);
  }
}

void KeyRegions::add_moving(std::span<const GridBox> queries, const OrderGeometry& geometry,
                            TileSet& tiles) const {
  for (const Sweep& sweep : sweeps_) {
    for (const GridBox& box : queries) {
      add_sweep(sweep, box, geometry, tiles);
    }
  }
  for (const Bands& bands : bands_) {
    add_bands(bands, queries, geometry, tiles);
  }
  for (const GridBox& lost : lost_) {
    for (const GridBox& box : queries) {
      const GridBox both = intersection(box, lost);
      if (!both.empty()) {
        add_lost(both, geometry, tiles);
      }
    }
  }
}

void KeyRegions::add_lost(const GridBox& queries, const OrderGeometry& geometry,
                          TileSet& tiles) const {
  const std::array<std::int32_t, 3> sizes = sizes_of(layout_);
  for (const Sweep& sweep : sweeps_) {
    GridBox keys;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      keys.begin[axis] = std::max(queries.begin[axis] - sweep.radius[axis], 0);
      keys.end[axis] = std::min(queries.end[axis] + sweep.radius[axis], sizes[axis]);
    }
    geometry.add_tiles(keys, tiles);
  }
  for (const GridBox& keys : fixed_of_lost_) {
    geometry.add_tiles(keys, tiles);
  }
}

void KeyRegions::add_sweep(const Sweep& sweep, const GridBox& queries,
                           const OrderGeometry& geometry, TileSet& tiles) const {
  const std::array<std::int32_t, 3> sizes = sizes_of(layout_);
  GridBox keys;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    keys.begin[axis] = std::max(queries.begin[axis] + sweep.low[axis], 0);
    keys.end[axis] = std::min(queries.end[axis] + sweep.high[axis], sizes[axis]);
  }
  if (!keys.empty()) {
    geometry.add_tiles(keys, tiles);
  }
}

void KeyRegions::add_bands(const Bands& bands, std::span<const GridBox> queries,
                           const OrderGeometry& geometry, TileSet& tiles) const {
  std::optional<Comb> open;  // grows while the ranges of the next queries touch it
  for (const GridBox& box : queries) {
    const std::int32_t width = box.end[2] - box.begin[2];
    // Where the bands of one row reach those of the next, a block of rows is one range.
    const bool rows_join = width + 2 * bands.half_width >= layout_.cols;
    const std::int32_t step = rows_join ? box.end[1] - box.begin[1] : 1;
    for (std::int32_t row = box.begin[1]; row < box.end[1]; row += step) {
      const Comb comb{.frame_first = box.begin[0] - bands.frames,
                      .frame_last = box.end[0] - 1 + bands.frames,
                      .first = row * layout_.cols + box.begin[2] - bands.half_width,
                      .last = (row + step - 1) * layout_.cols + box.end[2] - 1 + bands.half_width};
      if (open && open->frame_first == comb.frame_first && open->frame_last == comb.frame_last &&
          comb.first >= open->first && comb.first <= open->last + 1) {
        open->last = std::max(open->last, comb.last);
        continue;
      }
      if (open) {
        add_comb(*open, geometry, tiles);
      }
      open = comb;
    }
  }
  if (open) {
    add_comb(*open, geometry, tiles);
  }
}

void KeyRegions::add_comb(const Comb& comb, const OrderGeometry& geometry, TileSet& tiles) const {
  const std::int32_t frame_tokens = layout_.frame_tokens();
  const std::int32_t first_frame = floor_divide(comb.first, frame_tokens);
  const std::int32_t last_frame = floor_divide(comb.last, frame_tokens);
  const std::int32_t first_in_frame = comb.first - first_frame * frame_tokens;
  const std::int32_t last_in_frame = comb.last - last_frame * frame_tokens;
  if (first_frame == last_frame) {
    add_in_frames(comb.frame_first + first_frame, comb.frame_last + first_frame, first_in_frame,
                  last_in_frame, geometry, tiles);
    return;
  }
  add_in_frames(comb.frame_first + first_frame, comb.frame_last + first_frame, first_in_frame,
                frame_tokens - 1, geometry, tiles);
  if (last_frame - first_frame >= 2) {
    add_in_frames(comb.frame_first + first_frame + 1, comb.frame_last + last_frame - 1, 0,
                  frame_tokens - 1, geometry, tiles);
  }
  add_in_frames(comb.frame_first + last_frame, comb.frame_last + last_frame, 0, last_in_frame,
                geometry, tiles);
}

// Tokens first..last of a frame, the same in each frame: part of a row, rows, part of a row.
void KeyRegions::add_in_frames(std::int32_t frame_first, std::int32_t frame_last,
                               std::int32_t first, std::int32_t last, const OrderGeometry& geometry,
                               TileSet& tiles) const {
  GridBox keys;
  keys.begin[0] = std::max(frame_first, 0);
  keys.end[0] = std::min(frame_last + 1, layout_.frames);
  if (keys.begin[0] >= keys.end[0]) {
    return;
  }
  while (first <= last) {
    const std::int32_t row = first / layout_.cols, col = first % layout_.cols;
    const std::int32_t rows = col == 0 ? (last + 1 - first) / layout_.cols : 0;
    const std::int32_t taken =
        rows > 0 ? rows * layout_.cols : std::min(last + 1 - first, layout_.cols - col);
    keys.begin[1] = row;
    keys.end[1] = row + std::max(rows, 1);
    keys.begin[2] = col;
    keys.end[2] = rows > 0 ? layout_.cols : col + taken;
    geometry.add_tiles(keys, tiles);
    first += taken;
  }
}

}  // namespace twill
