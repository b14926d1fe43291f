// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "models/wan/vae_shortcuts.h"

#include <gtest/gtest.h>

#include <ostream>
#include <vector>

#include "engine_support.h"

namespace twill::engine {
namespace {

using testing::worst_difference;

struct Shortcut {
  const char* why;
  std::int64_t narrow, wide;  // channels of the side with fewer pixels, and of the other
  std::int64_t times;
  bool at_start;
  std::int64_t frames;  // of the side with fewer
};
void PrintTo(const Shortcut& row, std::ostream* out) { *out << row.why; }

class VaeShortcuts : public ::testing::TestWithParam<Shortcut> {};
INSTANTIATE_TEST_SUITE_P(Levels, VaeShortcuts,
                         ::testing::Values(Shortcut{"same_width_in_space", 6, 6, 1, false, 2},
                                           Shortcut{"same_width_in_time", 6, 6, 2, false, 2},
                                           Shortcut{"twice_the_width_in_space", 6, 3, 1, true, 3},
                                           Shortcut{"twice_the_width_in_time", 6, 3, 2, false, 3},
                                           Shortcut{"the_first_frame_alone", 6, 3, 2, true, 1},
                                           Shortcut{"a_start_of_several_frames", 6, 6, 2, true, 3}),
                         [](const auto& row) { return std::string(row.param.why); });

// The frames of the side with more pixels: a clip's first frame is one there, too.
std::int64_t more_frames(const Shortcut& row) {
  return row.times * row.frames - (row.at_start ? row.times - 1 : 0);
}

// Where a value of the side with more pixels lies among the other's folded channels, counted
// channel, frame, row, column.
struct Folded {
  std::int64_t frame, channel;
};
Folded folded(const Shortcut& row, std::int64_t frame, std::int64_t i, std::int64_t j,
              std::int64_t channel) {
  const std::int64_t place = frame + (row.at_start ? row.times - 1 : 0);
  const std::int64_t time = place % row.times;
  return {place / row.times, ((channel * row.times + time) * 2 + i % 2) * 2 + j % 2};
}

TEST_P(VaeShortcuts, MeansAreThoseOfTheDefinition) {
  const Shortcut row = GetParam();
  const at::Tensor x = at::randn({more_frames(row), 4, 6, row.wide});
  const at::Tensor before = at::randn({row.frames, 2, 3, row.narrow});
  const std::int64_t group = row.wide * row.times * 4 / row.narrow;
  at::Tensor expected = before.to(at::kDouble);
  auto sums = expected.accessor<double, 4>();
  const auto values = x.accessor<float, 4>();
  for (std::int64_t f = 0; f < x.size(0); ++f) {
    for (std::int64_t i = 0; i < 4; ++i) {
      for (std::int64_t j = 0; j < 6; ++j) {
        for (std::int64_t c = 0; c < row.wide; ++c) {
          const Folded at = folded(row, f, i, j, c);
          sums[at.frame][i / 2][j / 2][at.channel / group] +=
              values[f][i][j][c] / static_cast<double>(group);
        }
      }
    }
  }
  at::Tensor out = before.clone();
  add_means(out, x, row.times, row.at_start);
  EXPECT_LE(worst_difference(out, expected), 8 * 0x1p-23);
}

TEST_P(VaeShortcuts, RepeatsAreThoseOfTheDefinition) {
  const Shortcut row = GetParam();
  const at::Tensor x = at::randn({row.frames, 2, 3, row.narrow});
  const at::Tensor before = at::randn({more_frames(row), 4, 6, row.wide});
  const std::int64_t repeats = row.wide * row.times * 4 / row.narrow;
  at::Tensor expected = before.to(at::kDouble);
  auto sums = expected.accessor<double, 4>();
  const auto values = x.accessor<float, 4>();
  for (std::int64_t f = 0; f < before.size(0); ++f) {
    for (std::int64_t i = 0; i < 4; ++i) {
      for (std::int64_t j = 0; j < 6; ++j) {
        for (std::int64_t c = 0; c < row.wide; ++c) {
          const Folded at = folded(row, f, i, j, c);
          sums[f][i][j][c] += values[at.frame][i / 2][j / 2][at.channel / repeats];
        }
      }
    }
  }
  at::Tensor out = before.clone();
  add_repeats(out, x, row.times, row.at_start);
  EXPECT_LE(worst_difference(out, expected), 4 * 0x1p-23);
}

TEST(VaePatches, CountColourColumnRow) {
  const at::Tensor video = at::randn({3, 2, 4, 6});
  const at::Tensor patches = to_patches(video, 2);
  ASSERT_EQ(patches.sizes(), at::IntArrayRef({2, 2, 3, 12}));
  const auto pixels = video.accessor<float, 4>();
  const auto values = patches.accessor<float, 4>();
  for (std::int64_t colour = 0; colour < 3; ++colour) {
    for (std::int64_t row = 0; row < 4; ++row) {
      for (std::int64_t col = 0; col < 6; ++col) {
        EXPECT_EQ(values[1][row / 2][col / 2][colour * 4 + col % 2 * 2 + row % 2],
                  pixels[colour][1][row][col]);
      }
    }
  }
  EXPECT_TRUE(from_patches(patches, 2).equal(video));
}

}  // namespace
}  // namespace twill::engine
