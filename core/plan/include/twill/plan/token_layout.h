// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Where tokens stand: prefix tokens, a frames x rows x cols grid in raster order (t, h, w), suffix
// tokens.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace twill {

struct TokenLayout {
  std::int32_t prefix = 0;
  std::int32_t frames = 0;
  std::int32_t rows = 0;
  std::int32_t cols = 0;
  std::int32_t suffix = 0;

  std::int32_t frame_tokens() const { return rows * cols; }
  std::int32_t grid_tokens() const { return frames * rows * cols; }
  std::int32_t tokens() const { return prefix + grid_tokens() + suffix; }
  friend auto operator<=>(const TokenLayout&, const TokenLayout&) = default;
};

// Throws Error(kUsage) naming the field when an axis is < 1, prefix or suffix < 0, or the token
// count is over 2^24.
void check_layout(const TokenLayout& layout);

enum class OrderKind : std::uint8_t {
  kRaster,       // (t, h, w)
  kTimeFastest,  // (h, w, t)
  kTiles,  // 3-D tiles of frames x rows x cols, tiles in raster order, raster inside a tile; edge
           // tiles are smaller
};

// A permutation of the grid tokens; prefix tokens stay in front and suffix tokens behind. Packed:
// nothing is padded.
struct TokenOrder {
  OrderKind kind = OrderKind::kRaster;
  std::int32_t frames = 1;  // of a tile; 1 unless kTiles
  std::int32_t rows = 1;
  std::int32_t cols = 1;

  friend auto operator<=>(const TokenOrder&, const TokenOrder&) = default;
};

std::string order_name(const TokenOrder& order);  // "raster", "time_fastest", "tiles 4x4x4"

// Position -> token, [tokens]; empty for kRaster.
std::vector<std::int32_t> position_to_token(const TokenOrder& order, const TokenLayout& layout);

}  // namespace twill
