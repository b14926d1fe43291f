// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// No query of a sparse pattern is without a key, however short the clip.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include "plan/tile_oracle.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"

namespace twill {
namespace {

// Frames whose tokens at the query's own row and column are kept.
std::set<std::int32_t> frames_kept(const Pattern& pattern, const TokenLayout& layout,
                                   std::int32_t frame) {
  std::set<std::int32_t> kept;
  for (std::int32_t other = 0; other < layout.frames; ++other) {
    if (keeps(pattern, layout, layout.prefix + frame * layout.frame_tokens(),
              layout.prefix + other * layout.frame_tokens())) {
      kept.insert(other);
    }
  }
  return kept;
}

Window frames_away(std::int32_t frames, std::int32_t offset) {
  return {.frames = frames, .rows = 0.0, .cols = 0.0, .offset_frames = offset};
}

using Frames = std::set<std::int32_t>;

TEST(KeysForAll, AWindowWhosePlaceIsOutsideTheClipIsAroundTheQuery) {
  const Pattern behind = make_pattern(frames_away(0, -4));
  const TokenLayout layout{.frames = 6, .rows = 2, .cols = 3};
  EXPECT_EQ(frames_kept(behind, layout, 0), Frames{0});
  EXPECT_EQ(frames_kept(behind, layout, 3), Frames{3});
  EXPECT_EQ(frames_kept(behind, layout, 5), Frames{1}) << "its place is in the clip";
  EXPECT_EQ(frames_kept(make_pattern(frames_away(0, 4)), layout, 4), Frames{4});
  EXPECT_EQ(frames_kept(make_pattern(frames_away(1, -9)), layout, 2), (Frames{1, 2, 3}));
}

TEST(KeysForAll, AnOffsetOfAUnionIsDroppedOnlyWhereNoPartHoldsAKey) {
  const Pattern back_and_forth = make_union({frames_away(0, -3), frames_away(0, 3)});
  const TokenLayout layout{.frames = 5, .rows = 2, .cols = 2};
  EXPECT_EQ(frames_kept(back_and_forth, layout, 0), Frames{3});
  EXPECT_EQ(frames_kept(back_and_forth, layout, 2), Frames{2}) << "both would be outside";
  EXPECT_EQ(frames_kept(back_and_forth, layout, 4), Frames{1});
  EXPECT_EQ(frames_kept(back_and_forth, {.frames = 1, .rows = 2, .cols = 2}, 0), Frames{0});
}

TEST(KeysForAll, ARadiusThatReachesTheClipKeepsItsOffset) {
  const Pattern wide = make_pattern(frames_away(2, -3));
  EXPECT_EQ(frames_kept(wide, {.frames = 6, .rows = 1, .cols = 1}, 1), Frames{0})
      << "-4..0, clamped and not shifted";
}

TEST(KeysForAll, RowsAndColumnsAreAsFrames) {
  const Pattern above =
      make_pattern(Window{.frames = 0, .rows = 0.0, .cols = 0.0, .offset_rows = -0.5});
  const TokenLayout layout{.frames = 2, .rows = 4, .cols = 3};
  const std::int32_t query = 12 + 1 * 3 + 2;  // frame 1, row 1, column 2
  for (std::int32_t key = 0; key < layout.tokens(); ++key) {
    EXPECT_EQ(keeps(above, layout, query, key), key == query) << key;
  }
}

TEST(KeysForAll, AStripeBeyondTheClipIsInTheNearestFrame) {
  const TokenLayout layout{.frames = 3, .rows = 4, .cols = 2, .suffix = 1};
  const Pattern late = make_pattern(VerticalStripe{{{.frame_begin = 5, .frame_end = 9}}});
  EXPECT_EQ(frames_kept(late, layout, 0), Frames{2});
  const Pattern early = make_pattern(VerticalStripe{{{.frame_begin = -9, .frame_end = -5}}});
  EXPECT_EQ(frames_kept(early, layout, 0), Frames{0});
  const Pattern crossed = make_pattern(VerticalStripe{{{.frame_begin = 2, .frame_end = -2}}});
  EXPECT_EQ(frames_kept(crossed, layout, 0), Frames{2}) << "begins behind its end in this clip";
  const Pattern one_inside = make_pattern(
      VerticalStripe{{{.frame_begin = 0, .frame_end = 1}, {.frame_begin = 5, .frame_end = 9}}});
  EXPECT_EQ(frames_kept(one_inside, layout, 1), Frames{0});
  const Pattern top = make_pattern(
      VerticalStripe{{{.frame_begin = 5, .frame_end = 9, .row_begin = 0.5, .row_end = 1.0}}});
  EXPECT_FALSE(keeps(top, layout, 0, 2 * 8)) << "rows stay as they are";
  EXPECT_TRUE(keeps(top, layout, 0, 2 * 8 + 2 * 2));
}

TEST(KeysForAll, TextBesideTheGridIsNoKeyOfTheGrid) {
  const TokenLayout layout{.prefix = 2, .frames = 2, .rows = 2, .cols = 2, .suffix = 3};
  EXPECT_EQ(frames_kept(make_pattern(frames_away(0, 7)), layout, 0), Frames{0});
}

class RandomPatterns {
 public:
  explicit RandomPatterns(std::uint64_t seed) : random_(seed) {}

  Pattern next() {
    if (whole(0, 1) == 0) {
      return make_pattern(part());
    }
    std::vector<SimplePattern> parts;
    for (std::int32_t i = whole(2, 4); i > 0; --i) {
      parts.push_back(part());
    }
    return make_union(std::move(parts));
  }
  TokenLayout layout() {
    return {.prefix = whole(0, 1) * whole(0, 40),
            .frames = whole(1, 7),
            .rows = whole(1, 9),
            .cols = whole(1, 9),
            .suffix = whole(0, 1) * whole(0, 40)};
  }
  std::int32_t whole(std::int32_t least, std::int32_t most) {
    return std::uniform_int_distribution<std::int32_t>(least, most)(random_);
  }

 private:
  double fraction(double least) {
    return std::round(std::uniform_real_distribution<double>(least, 1.0)(random_) * 16) / 16;
  }
  // Mostly those that can miss a clip.
  SimplePattern part() {
    switch (whole(0, 9)) {
      case 0:
        return Diagonal{.reach = fraction(0.0)};
      case 1:
        return MultiDiagonal{.frames = whole(0, 3), .rows = fraction(0.0), .cols = fraction(0.0)};
      case 2:
      case 3:
      case 4: {
        VerticalStripe stripe;
        for (std::int32_t i = whole(1, 2); i > 0; --i) {
          const std::int32_t begin = whole(-9, 9);
          const std::int32_t row = whole(0, 15), col = whole(0, 15);
          stripe.boxes.push_back({.frame_begin = begin,
                                  .frame_end = begin + whole(1, 4),
                                  .row_begin = row / 16.0,
                                  .row_end = whole(row + 1, 16) / 16.0,
                                  .col_begin = col / 16.0,
                                  .col_end = whole(col + 1, 16) / 16.0});
        }
        return stripe;
      }
      default:
        return Window{.frames = whole(0, 2),
                      .rows = fraction(0.0) * whole(0, 1),
                      .cols = fraction(0.0) * whole(0, 1),
                      .offset_frames = whole(-9, 9),
                      .offset_rows = fraction(-1.0) * whole(0, 1),
                      .offset_cols = fraction(-1.0) * whole(0, 1)};
    }
  }

  std::mt19937_64 random_;
};

TEST(KeysForAll, HoldsForRandomPatternsAndListsAreTheirs) {
  RandomPatterns random(20261130);
  for (int i = 0; i < 600; ++i) {
    const TokenLayout layout = random.layout();
    Pattern pattern = random.next();
    pattern.order = kDefaultOrders[static_cast<std::size_t>(random.whole(0, 4))];
    SCOPED_TRACE(concat(i, ": ", describe(pattern), " at ", layout.prefix, " + ", layout.frames,
                        "x", layout.rows, "x", layout.cols, " + ", layout.suffix));
    ASSERT_NO_THROW(check_pattern(pattern, "pattern"));
    const auto pairs = test::pairs_kept(pattern, layout);
    for (std::int32_t query = 0; query < layout.grid_tokens(); ++query) {
      const auto& row = pairs[static_cast<std::size_t>(layout.prefix + query)];
      ASSERT_NE(std::find(row.begin() + layout.prefix, row.end() - layout.suffix, true),
                row.end() - layout.suffix)
          << "query " << query << " keeps no token of the grid";
    }
    const TileList list = compile_pattern(pattern, layout);
    ASSERT_EQ(test::tiles_of_list(list, layout),
              test::tiles_by_pairs(pairs, layout, *pattern.order));
    for (std::size_t tile = 0; tile + 1 < list.run_begin.size(); ++tile) {
      ASSERT_LT(list.run_begin[tile], list.run_begin[tile + 1]) << "query tile " << tile;
    }
  }
}

}  // namespace
}  // namespace twill
