// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "twill/plan/error.h"
#include "twill/report/heads_picture.h"

namespace twill::report {
namespace {

constexpr std::int32_t kFrame = 4;
constexpr std::int32_t kGap = 6;

Profile example_profile() {
  Profile profile;
  profile.model = {.family = "wan2.1-t2v", .stacks = {{"blocks", 2, 3}}, .head_dim = 64};
  profile.map_size = 2;
  profile.maps.assign(2 * 3 * 4, 0);
  profile.maps[4 * 4] = 255;  // layer 1, head 1, top left block
  return profile;
}

Plan example_plan(const Profile& profile) {
  Plan plan{.name = "example", .model = profile.model};
  plan.patterns = {skip(), make_pattern(Window{.frames = 1, .rows = 0.1, .cols = 0.1})};
  Segment segment;
  segment.heads = {std::vector<HeadPlan>(6)};
  segment.heads[0][4].pattern = 1;
  plan.segments = {segment};
  return plan;
}

Colour pixel(const media::Picture& picture, std::int32_t x, std::int32_t y) {
  const std::uint8_t* rgb = &picture.rgb[3 * (static_cast<std::size_t>(y) * picture.width + x)];
  return {rgb[0], rgb[1], rgb[2]};
}

TEST(HeadsPicture, every_kind_has_a_colour_of_its_own) {
  ASSERT_EQ(kPatternColours.size(), kPatternNames.size());
  for (const auto& [kind, name] : kPatternNames) {
    for (const auto& [other, other_name] : kPatternNames) {
      EXPECT_EQ(kind == other, pattern_colour(kind) == pattern_colour(other))
          << name << " and " << other_name;
    }
  }
}

// The node pack draws in Python; its tests read the same file.
TEST(HeadsPicture, colours_are_those_of_the_table_that_all_share) {
  const auto table =
      nlohmann::json::parse(std::ifstream(std::string(TWILL_TEST_DATA) + "/colours.json"));
  const auto colour = [](const nlohmann::json& rgb) {
    return Colour{rgb.at(0).get<std::uint8_t>(), rgb.at(1).get<std::uint8_t>(),
                  rgb.at(2).get<std::uint8_t>()};
  };
  ASSERT_EQ(table.at("patterns").size(), kPatternNames.size());
  for (const auto& [kind, name] : kPatternNames) {
    EXPECT_EQ(pattern_colour(kind), colour(table.at("patterns").at(std::string(name)))) << name;
  }
  for (const auto& row : table.at("heat")) {
    const double value = row.at("value").get<double>();
    EXPECT_EQ(heat(value), colour(row.at("colour"))) << value;
  }
}

TEST(HeadsPicture, rows_are_layers_columns_heads_and_frames_their_patterns) {
  const Profile profile = example_profile();
  const Plan plan = example_plan(profile);
  const media::Picture picture = draw_heads(profile, &plan, 0, 0, 10);
  const std::int32_t side = 2 * 5 + 2 * kFrame;
  ASSERT_EQ(picture.width, 3 * (side + kGap) + kGap);
  ASSERT_EQ(picture.height, 2 * (side + kGap) + kGap);
  ASSERT_EQ(picture.rgb.size(), 3u * picture.width * picture.height);
  for (int layer = 0; layer < 2; ++layer) {
    for (int head = 0; head < 3; ++head) {
      const Colour frame =
          pixel(picture, kGap + head * (side + kGap), kGap + layer * (side + kGap));
      const bool is_window = layer == 1 && head == 1;
      EXPECT_EQ(frame, pattern_colour(is_window ? PatternKind::kWindow : PatternKind::kSkip))
          << layer << " " << head;
    }
  }
  const std::int32_t left = kGap + (side + kGap) + kFrame;
  const Colour bright = pixel(picture, left, left);
  const Colour dark = pixel(picture, left + 5, left);
  EXPECT_EQ(bright, (Colour{255, 255, 255}));
  EXPECT_LT(dark.red, 10);
}

TEST(HeadsPicture, brightness_grows_with_the_value) {
  Profile profile = example_profile();
  int before = -1;
  for (int value = 0; value < 256; value += 15) {
    profile.maps[0] = static_cast<std::uint8_t>(value);
    const media::Picture picture = draw_heads(profile, nullptr, 0, 0, 2);
    const Colour colour = pixel(picture, kGap + kFrame, kGap + kFrame);
    const int luma = 299 * colour.red + 587 * colour.green + 114 * colour.blue;
    EXPECT_GE(luma, before) << value;
    before = luma;
  }
}

TEST(HeadsPicture, refuses_what_it_cannot_draw) {
  Profile profile = example_profile();
  Plan plan = example_plan(profile);
  EXPECT_THROW(draw_heads(profile, &plan, 1), Error);
  plan.model.stacks[0].heads = 2;
  EXPECT_THROW(draw_heads(profile, &plan, 0), Error);
  profile.maps.clear();
  EXPECT_THROW(draw_heads(profile, nullptr, 0), Error);
}

}  // namespace
}  // namespace twill::report
