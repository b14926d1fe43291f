// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Which keys a query keeps. Units: frames absolute; rows and columns as fractions of their axis,
// rounded up to whole tokens; radii inclusive and clamped (not shifted) at the borders. So a
// pattern fits every size of its model. Prefix and suffix tokens are always kept, both ways (skip
// and mean excepted: they treat all queries alike).
//
// A query whose parts hold no token of the grid, because the places of its windows and the frames
// of its stripes lie outside the clip, keeps what the windows hold around its own place, without
// their offset, and the stripes' boxes in the frame nearest their first. So every query of a
// pattern with parts keeps a token of the grid, however short the clip; a query that finds one
// where any part looks is as it was.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "twill/plan/token_layout.h"

namespace twill {

enum class PatternKind : std::uint8_t {
  kDense,
  kSkip,
  kMean,
  kDiagonal,
  kMultiDiagonal,
  kVerticalStripe,
  kWindow,
  kUnion
};

// The one list of names; JSON, Python, the command line and the app loop over it.
inline constexpr std::array<std::pair<PatternKind, std::string_view>, 8> kPatternNames{{
    {PatternKind::kDense, "dense"},
    {PatternKind::kSkip, "skip"},
    {PatternKind::kMean, "mean"},
    {PatternKind::kDiagonal, "diagonal"},
    {PatternKind::kMultiDiagonal, "multi_diagonal"},
    {PatternKind::kVerticalStripe, "vertical_stripe"},
    {PatternKind::kWindow, "window"},
    {PatternKind::kUnion, "union"},
}};

// As a radius or an end of frames: all of them, for it is more than any clip has.
inline constexpr std::int32_t kAllFrames = 1000;

// |i - j| <= ceil(reach * frame_tokens) in raster tokens.
struct Diagonal {
  double reach = 0.0;  // frames, >= 0
  friend auto operator<=>(const Diagonal&, const Diagonal&) = default;
};

// Bands parallel to the diagonal, one for each frame distance d in [-frames, frames]: j keeps i's
// place in frame f_i + d to within a raster distance of ceil(rows * R) * C + ceil(cols * C) tokens,
// |j - (i + d * R * C)| <= that, R x C the frame's rows and columns (Sparse-vDiT's multi-diagonal;
// the bands wrap at row ends as raster bands do).
struct MultiDiagonal {
  std::int32_t frames = 0;  // >= 0
  double rows = 0.0;        // fraction of the rows, 0..1
  double cols = 0.0;
  friend auto operator<=>(const MultiDiagonal&, const MultiDiagonal&) = default;
};

// Half-open key boxes that every query keeps. Frames below 0 count from the clip's end, -1 is the
// last one; all are clamped to the layout. Row and column fractions are rounded outwards:
// [floor(a R), ceil(b R)).
struct KeyBox {
  std::int32_t frame_begin = 0, frame_end = 0;
  double row_begin = 0.0, row_end = 1.0;
  double col_begin = 0.0, col_end = 1.0;
  friend auto operator<=>(const KeyBox&, const KeyBox&) = default;
};
// A box's first frame, or the one behind its last, in a clip of `frames`: 0..frames.
constexpr std::int32_t frame_in_clip(std::int32_t frame, std::int32_t frames) {
  return std::clamp(frame < 0 ? frame + frames : frame, 0, frames);
}
struct VerticalStripe {
  std::vector<KeyBox> boxes;
  friend auto operator<=>(const VerticalStripe&, const VerticalStripe&) = default;
};

// |f_j - (f_i + offset_frames)| <= frames and likewise ceil(rows * R), ceil(cols * C); an offset's
// fraction is rounded away from zero.
struct Window {
  std::int32_t frames = 0;
  double rows = 0.0, cols = 0.0;
  std::int32_t offset_frames = 0;
  double offset_rows = 0.0, offset_cols = 0.0;
  friend auto operator<=>(const Window&, const Window&) = default;
};

// One member of a union, or a pattern by itself.
using SimplePattern = std::variant<Diagonal, MultiDiagonal, VerticalStripe, Window>;

// kind says which; dense, skip and mean have no parts, union two or more, the others exactly one.
struct Pattern {
  PatternKind kind = PatternKind::kDense;
  std::vector<SimplePattern> parts;
  std::optional<TokenOrder> order;  // empty: the compiler takes the order with the fewest cells

  friend auto operator<=>(const Pattern&, const Pattern&) = default;
};

Pattern dense();
Pattern skip();
Pattern mean();
Pattern make_pattern(SimplePattern part, std::optional<TokenOrder> order = {});
Pattern make_union(std::vector<SimplePattern> parts, std::optional<TokenOrder> order = {});

std::string_view pattern_name(PatternKind kind);
// Short text for people: "window 2f 0.13r 0.13c", "diagonal 1.5f + stripe 1 box".
std::string describe(const Pattern& pattern);
// Throws Error naming `where` (a JSON path or an argument), the field and the value.
void check_pattern(const Pattern& pattern, std::string_view where);

// The definition: does query token keep key token (both raster, prefix and suffix counted). Slow;
// for tests and pictures.
bool keeps(const Pattern& pattern, const TokenLayout& layout, std::int32_t query, std::int32_t key);

}  // namespace twill
