// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The definition of every pattern, token by token. compile.cpp must agree with it and shares
// nothing with it but the rounding.
#include <algorithm>
#include <array>
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

bool inside(const KeyBox& box, const TokenLayout& layout, std::int32_t row, std::int32_t col) {
  return row >= round_down(box.row_begin, layout.rows) &&
         row < round_up(box.row_end, layout.rows) &&
         col >= round_down(box.col_begin, layout.cols) && col < round_up(box.col_end, layout.cols);
}

bool part_keeps(const VerticalStripe& part, const TokenLayout& layout, const Place& /*query*/,
                const Place& key) {
  return std::any_of(part.boxes.begin(), part.boxes.end(), [&](const KeyBox& box) {
    return key.frame >= frame_in_clip(box.frame_begin, layout.frames) &&
           key.frame < frame_in_clip(box.frame_end, layout.frames) &&
           inside(box, layout, key.row, key.col);
  });
}

// A window on one axis: the query's place there, what is kept around it, and the axis.
struct Reach {
  std::int64_t place, radius, size;

  bool holds(std::int64_t key) const { return std::abs(key - place) <= radius; }
  bool holds_any() const { return place + radius >= 0 && place - radius < size; }
};

std::array<Reach, 3> reaches(const Window& part, const TokenLayout& layout, const Place& query) {
  const auto in_frame = [](std::int32_t at, double offset, double radius, std::int32_t size) {
    return Reach{at + round_away(offset, size), round_up(radius, size), size};
  };
  return {Reach{std::int64_t{query.frame} + part.offset_frames, part.frames, layout.frames},
          in_frame(query.row, part.offset_rows, part.rows, layout.rows),
          in_frame(query.col, part.offset_cols, part.cols, layout.cols)};
}

bool part_keeps(const Window& part, const TokenLayout& layout, const Place& query,
                const Place& key) {
  const std::array<Reach, 3> axes = reaches(part, layout, query);
  return axes[0].holds(key.frame) && axes[1].holds(key.row) && axes[2].holds(key.col);
}

// Does the query keep any token of the grid through this part.
bool part_holds_any(const Diagonal& /*part*/, const TokenLayout&, const Place&) { return true; }
bool part_holds_any(const MultiDiagonal& /*part*/, const TokenLayout&, const Place&) {
  return true;
}
bool part_holds_any(const VerticalStripe& part, const TokenLayout& layout, const Place&) {
  return std::any_of(part.boxes.begin(), part.boxes.end(), [&](const KeyBox& box) {
    return frame_in_clip(box.frame_begin, layout.frames) <
           frame_in_clip(box.frame_end, layout.frames);
  });
}
bool part_holds_any(const Window& part, const TokenLayout& layout, const Place& query) {
  return std::ranges::all_of(reaches(part, layout, query),
                             [](const Reach& axis) { return axis.holds_any(); });
}

// What a part keeps of a query that keeps nothing through any part where it looks.
bool part_keeps_lost(const Window& part, const TokenLayout& layout, const Place& query,
                     const Place& key) {
  return part_keeps(Window{.frames = part.frames, .rows = part.rows, .cols = part.cols}, layout,
                    query, key);
}
bool part_keeps_lost(const VerticalStripe& part, const TokenLayout& layout, const Place& /*query*/,
                     const Place& key) {
  return std::any_of(part.boxes.begin(), part.boxes.end(), [&](const KeyBox& box) {
    return key.frame ==
               std::min(frame_in_clip(box.frame_begin, layout.frames), layout.frames - 1) &&
           inside(box, layout, key.row, key.col);
  });
}
template <typename Part>
bool part_keeps_lost(const Part& /*part*/, const TokenLayout&, const Place&, const Place&) {
  return false;  // never asked: a diagonal holds the query itself
}

template <typename Question>
bool any_part(const Pattern& pattern, const Question& question) {
  return std::ranges::any_of(pattern.parts,
                             [&](const SimplePattern& part) { return std::visit(question, part); });
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
  if (any_part(pattern,
               [&](const auto& part) { return part_holds_any(part, layout, query_place); })) {
    return any_part(pattern, [&](const auto& part) {
      return part_keeps(part, layout, query_place, key_place);
    });
  }
  return any_part(pattern, [&](const auto& part) {
    return part_keeps_lost(part, layout, query_place, key_place);
  });
}

}  // namespace twill
