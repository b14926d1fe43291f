// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The layer x head picture: every head's block-averaged attention map, framed in the colour of its
// pattern.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <utility>

#include "twill/media/rgb_clip.h"
#include "twill/plan/plan.h"
#include "twill/plan/profile.h"

namespace twill::report {

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
  friend bool operator==(const Colour&, const Colour&) = default;
};

// Frame colours by pattern (the legend of every picture; README lists the same). Told apart by
// people with any of the common colour-vision deficiencies: Okabe and Ito's palette,
// https://jfly.uni-koeln.de/color/.
inline constexpr std::array<std::pair<PatternKind, Colour>, 8> kPatternColours{{
    {PatternKind::kDense, {225, 225, 225}},
    {PatternKind::kSkip, {90, 90, 90}},
    {PatternKind::kMean, {204, 121, 167}},
    {PatternKind::kDiagonal, {86, 180, 233}},
    {PatternKind::kMultiDiagonal, {0, 158, 115}},
    {PatternKind::kVerticalStripe, {213, 94, 0}},
    {PatternKind::kWindow, {240, 228, 66}},
    {PatternKind::kUnion, {0, 114, 178}},
}};
Colour pattern_colour(PatternKind kind);

// Of a value in 0..1: black over red and yellow to white. Brightness grows with the value, so that
// it also reads in grey.
Colour heat(double value);

// Rows are layers (stacks one below another), columns heads; brightness is the square root of the
// map. Without a plan frames are white. `segment` is the plan's segment that is shown; `cell` the
// width of one map in pixels, at least. Throws Error(kModel) when the profile has no maps or the
// plan is for another model.
media::Picture draw_heads(const Profile& profile, const Plan* plan, std::int32_t segment,
                          std::int32_t expert = 0, std::int32_t cell = 96);

// The layer x head picture of the plan's widest sparse segment as a PNG file.
// Throws Error(kModel) when the plan holds no attention maps.
void write_heads_picture(const Plan& plan, const std::filesystem::path& file);

}  // namespace twill::report
