// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A token order at a layout, as far as the compile step needs it: which boxes of the grid a range
// of positions holds, and which key tiles a box of the grid touches. Neither looks at single
// tokens.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "twill/plan/token_layout.h"

namespace twill {

// Half-open ranges of frames, rows and columns of the grid.
struct GridBox {
  std::array<std::int32_t, 3> begin{};
  std::array<std::int32_t, 3> end{};

  bool empty() const { return begin[0] >= end[0] || begin[1] >= end[1] || begin[2] >= end[2]; }
};

// A set of key tiles, one bit each.
class TileSet {
 public:
  explicit TileSet(std::int32_t tiles) : words_((tiles + 63) / 64) {}

  // Tiles first..last, both included.
  void add(std::int32_t first, std::int32_t last) {
    const auto first_word = static_cast<std::uint32_t>(first) / 64;
    const auto last_word = static_cast<std::uint32_t>(last) / 64;
    const std::uint64_t low = ~std::uint64_t{0} << (static_cast<std::uint32_t>(first) % 64);
    const std::uint64_t high = ~std::uint64_t{0} >> (63 - static_cast<std::uint32_t>(last) % 64);
    if (first_word == last_word) {
      words_[first_word] |= low & high;
      return;
    }
    words_[first_word] |= low;
    for (std::uint32_t word = first_word + 1; word < last_word; ++word) {
      words_[word] = ~std::uint64_t{0};
    }
    words_[last_word] |= high;
  }

  std::vector<std::uint64_t>& words() { return words_; }
  const std::vector<std::uint64_t>& words() const { return words_; }

 private:
  std::vector<std::uint64_t> words_;
};

// Every order is a nest of 3-D tiles over (possibly permuted) axes: raster is one tile that holds
// the whole grid, and time-fastest is that over (rows, columns, frames).
class OrderGeometry {
 public:
  OrderGeometry(const TokenOrder& order, const TokenLayout& layout);

  const TokenOrder& order() const { return order_; }
  std::int32_t query_tiles() const { return static_cast<std::int32_t>(box_begin_.size()) - 1; }
  std::int32_t key_tiles() const { return key_tiles_; }
  // True where a query tile holds a prefix or suffix token: it keeps all keys.
  bool keeps_all(std::int32_t query_tile) const { return keeps_all_[query_tile] != 0; }
  // Boxes that together hold exactly the grid tokens of a query tile.
  std::span<const GridBox> boxes(std::int32_t query_tile) const {
    const std::int32_t first = box_begin_[query_tile];
    return std::span(boxes_).subspan(first, box_begin_[query_tile + 1] - first);
  }

  // Adds the key tiles that hold a token of `box`, which lies inside the grid.
  void add_tiles(const GridBox& box, TileSet& tiles) const;
  // Adds the key tiles that hold a prefix or suffix token.
  void add_text_tiles(TileSet& tiles) const;

  std::vector<std::int32_t> position_to_token() const;

 private:
  void append_boxes(std::int32_t first, std::int32_t end);
  void append_boxes_in_tile(const GridBox& tile, std::int32_t first, std::int32_t end);
  void append_box(const GridBox& box);

  TokenOrder order_;
  TokenLayout layout_;
  std::array<std::int32_t, 3>
      axes_{};  // which of frames, rows, columns each nesting level is, outermost first
  std::array<std::int32_t, 3> sizes_{};  // of the levels
  std::array<std::int32_t, 3> sides_{};  // of a tile, at most sizes_
  std::int32_t key_tiles_ = 0;
  std::vector<GridBox> boxes_;
  std::vector<std::int32_t> box_begin_;
  std::vector<std::uint8_t> keeps_all_;
};

}  // namespace twill
