// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The definition of every pattern, token by token. compile.cpp must agree with it and shares
// nothing with it but the rounding.
#include <algorithm>
#include <cstdlib>

#include "overloaded.h"
#include "rounding.h"
#include "twill/plan/error.h"
#include "twill/plan/pattern.h"

namespace twill {
namespace {

struct Place {
  std::int32_t raster, frame, row, col;
};

Place place_of(std::int32_t grid_token, const TokenLayout& layout) {
  const std::int32_t in_frame = grid_token % layout.frame_tokens();
  return {grid_token, grid_token / layout.frame_tokens(), in_frame / layout.cols,
          in_frame % layout.cols};
}

bool part_keeps(const Diagonal& part, const TokenLayout& layout, const Place& query,
                const Place& key) {
  return std::abs(query.raster - key.raster) <= round_up(part.reach, layout.frame_tokens());
}

bool part_keeps(const MultiDiagonal& part, const TokenLayout& layout, const Place& query,
                const Place& key) {
  const std::int64_t half_width = std::int64_t{round_up(part.rows, layout.rows)} * layout.cols +
                                  round_up(part.cols, layout.cols);
  // Two tokens are less than `frames` frames apart, so bands further out keep nothing more.
  const std::int64_t farthest = std::min(part.frames, layout.frames);
  for (std::int64_t d = -farthest; d <= farthest; ++d) {
    if (std::abs(key.raster - (query.raster + d * layout.frame_tokens())) <= half_width) {
      return true;
    }
  }
  return false;
}

bool part_keeps(const VerticalStripe& part, const TokenLayout& layout, const Place& /*query*/,
                const Place& key) {
  return std::any_of(part.boxes.begin(), part.boxes.end(), [&](const KeyBox& box) {
    return key.frame >= frame_in_clip(box.frame_begin, layout.frames) &&
           key.frame < frame_in_clip(box.frame_end, layout.frames) &&
           key.row >= round_down(box.row_begin, layout.rows) &&
           key.row < round_up(box.row_end, layout.rows) &&
           key.col >= round_down(box.col_begin, layout.cols) &&
           key.col < round_up(box.col_end, layout.cols);
  });
}

bool near(std::int64_t key, std::int64_t query, std::int64_t offset, std::int64_t radius) {
  return std::abs(key - (query + offset)) <= radius;
}

bool part_keeps(const Window& part, const TokenLayout& layout, const Place& query,
                const Place& key) {
  return near(key.frame, query.frame, part.offset_frames, part.frames) &&
         near(key.row, query.row, round_away(part.offset_rows, layout.rows),
              round_up(part.rows, layout.rows)) &&
         near(key.col, query.col, round_away(part.offset_cols, layout.cols),
              round_up(part.cols, layout.cols));
}

bool outside_grid(std::int32_t token, const TokenLayout& layout) {
  return token < layout.prefix || token >= layout.prefix + layout.grid_tokens();
}

}  // namespace

bool keeps(const Pattern& pattern, const TokenLayout& layout, std::int32_t query,
           std::int32_t key) {
  require(query >= 0 && query < layout.tokens(), ErrorCode::kUsage, "query ", query,
          " is not one of the layout's ", layout.tokens(), " tokens");
  require(key >= 0 && key < layout.tokens(), ErrorCode::kUsage, "key ", key,
          " is not one of the layout's ", layout.tokens(), " tokens");
  switch (pattern.kind) {
    case PatternKind::kDense:
      return true;
    case PatternKind::kSkip:
    case PatternKind::kMean:
      return false;
    default:
      break;
  }
  if (outside_grid(query, layout) || outside_grid(key, layout)) {
    return true;
  }
  const Place query_place = place_of(query - layout.prefix, layout);
  const Place key_place = place_of(key - layout.prefix, layout);
  return std::any_of(pattern.parts.begin(), pattern.parts.end(), [&](const SimplePattern& part) {
    return std::visit(
        [&](const auto& simple) { return part_keeps(simple, layout, query_place, key_place); },
        part);
  });
}

}  // namespace twill
