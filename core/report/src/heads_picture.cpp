// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/heads_picture.h"

#include <algorithm>
#include <cmath>

#include "twill/media/png.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_view.h"

namespace twill::report {
namespace {

constexpr std::int32_t kFrame = 4;  // pixels around a map
constexpr std::int32_t kGap = 6;    // pixels between frames
constexpr Colour kBackground{24, 24, 28};
constexpr Colour kNoPlan{255, 255, 255};

void fill(media::Picture& picture, std::int32_t left, std::int32_t top, std::int32_t side,
          Colour colour) {
  for (std::int32_t y = top; y < top + side; ++y) {
    for (std::int32_t x = left; x < left + side; ++x) {
      std::uint8_t* pixel = &picture.rgb[3 * (static_cast<std::size_t>(y) * picture.width + x)];
      pixel[0] = colour.red;
      pixel[1] = colour.green;
      pixel[2] = colour.blue;
    }
  }
}

}  // namespace

Colour heat(double value) {
  const auto channel = [](double x) {
    return static_cast<std::uint8_t>(std::lround(255.0 * std::clamp(x, 0.0, 1.0)));
  };
  return {channel(1.6 * value), channel(1.9 * value - 0.55),
          channel(0.16 + 0.5 * value * value + 2.2 * (value - 0.75))};
}

Colour pattern_colour(PatternKind kind) {
  for (const auto& [known, colour] : kPatternColours) {
    if (known == kind) {
      return colour;
    }
  }
  throw Error(ErrorCode::kModel, concat("pattern kind ", static_cast<int>(kind), " has no colour"));
}

media::Picture draw_heads(const Profile& profile, const Plan* plan, std::int32_t segment,
                          std::int32_t expert, std::int32_t cell) {
  const std::int32_t size = profile.map_size;
  require(size > 0 && !profile.maps.empty(), ErrorCode::kModel,
          "the profile holds no attention maps");
  require(expert >= 0 && static_cast<std::size_t>(expert) < profile.model.experts.size(),
          ErrorCode::kUsage, "expert ", expert, " is not one of the profile's ",
          profile.model.experts.size());
  if (plan != nullptr) {
    check_plan_fits(*plan, profile.model);
    require(segment >= 0 && static_cast<std::size_t>(segment) < plan->segments.size(),
            ErrorCode::kUsage, "segment ", segment, " is not one of the plan's ",
            plan->segments.size());
  }
  const std::int32_t zoom = std::max(1, (cell + size - 1) / size);
  const std::int32_t side = size * zoom + 2 * kFrame;
  std::int32_t rows = 0;
  std::int32_t columns = 0;
  for (const StackShape& stack : profile.model.stacks) {
    rows += stack.layers;
    columns = std::max(columns, stack.heads);
  }
  media::Picture picture{.width = columns * (side + kGap) + kGap,
                         .height = rows * (side + kGap) + kGap};
  picture.rgb.resize(3 * static_cast<std::size_t>(picture.width) * picture.height);
  for (std::size_t i = 0; i < picture.rgb.size(); i += 3) {
    picture.rgb[i] = kBackground.red;
    picture.rgb[i + 1] = kBackground.green;
    picture.rgb[i + 2] = kBackground.blue;
  }

  const std::size_t map_cells = static_cast<std::size_t>(size) * size;
  std::size_t head = 0;
  std::int32_t row = 0;
  for (const StackShape& stack : profile.model.stacks) {
    for (std::int32_t layer = 0; layer < stack.layers; ++layer, ++row) {
      for (std::int32_t column = 0; column < stack.heads; ++column, ++head) {
        Colour frame = kNoPlan;
        if (plan != nullptr) {
          const Segment& shown = plan->segments[segment];
          frame =
              pattern_colour(shown.dense ? PatternKind::kDense
                                         : plan->patterns[shown.heads[expert][head].pattern].kind);
        }
        const std::int32_t left = kGap + column * (side + kGap);
        const std::int32_t top = kGap + row * (side + kGap);
        fill(picture, left, top, side, frame);
        const std::uint8_t* map = &profile.maps[(expert * profile.heads() + head) * map_cells];
        for (std::int32_t y = 0; y < size; ++y) {
          for (std::int32_t x = 0; x < size; ++x) {
            fill(picture, left + kFrame + x * zoom, top + kFrame + y * zoom, zoom,
                 heat(std::sqrt(map[static_cast<std::size_t>(y) * size + x] / 255.0)));
          }
        }
      }
    }
  }
  return picture;
}

void write_heads_picture(const Plan& plan, const std::filesystem::path& file) {
  require(plan.profile != nullptr && plan.profile->map_size > 0, ErrorCode::kModel,
          "no picture: the plan \"", plan.name, "\" holds no attention maps");
  media::write_png(
      file, draw_heads(*plan.profile, &plan, static_cast<std::int32_t>(widest_segment(plan))));
}

}  // namespace twill::report
