// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/candidates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <ostream>
#include <set>

#include "search/synthetic_profile.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"

namespace twill::search {
namespace {

struct LayoutCase {
  const char* why;
  TokenLayout layout;
  std::size_t least;  // candidates
};
void PrintTo(const LayoutCase& one, std::ostream* out) { *out << one.why; }

class Candidates : public ::testing::TestWithParam<LayoutCase> {};

double density_of(const Pattern& pattern, const TokenLayout& layout) {
  return static_cast<double>(pattern_tiles(pattern, layout)) /
         static_cast<double>(dense_tiles(layout));
}

TEST_P(Candidates, AreValidDistinctAndInside) {
  const TokenLayout& layout = GetParam().layout;
  const CandidateOptions options{.least_density = 0.03, .most_density = 0.85};
  const std::vector<Pattern> candidates = candidate_patterns(layout, options);
  EXPECT_LE(candidates.size(), static_cast<std::size_t>(options.most));
  EXPECT_GE(candidates.size(), GetParam().least);
  EXPECT_EQ(candidates[0], dense());
  EXPECT_EQ(candidates[1], skip());
  EXPECT_EQ(candidates[2], mean());
  std::set<std::pair<std::string, std::vector<std::int32_t>>> tiles;
  for (std::size_t i = 3; i < candidates.size(); ++i) {
    check_pattern(candidates[i], "candidate");
    const TileList list = compile_pattern(candidates[i], layout);
    const double density = density_of(candidates[i], layout);
    EXPECT_GE(density, 0.03) << describe(candidates[i]);
    EXPECT_LE(density, 0.85) << describe(candidates[i]);
    std::vector<std::int32_t> key = list.run_begin;
    for (const kernels::KeyRun& run : list.runs) {
      key.push_back(run.first);
      key.push_back(run.count);
    }
    EXPECT_TRUE(tiles.emplace(order_name(list.order), key).second) << describe(candidates[i]);
  }
  EXPECT_EQ(candidates, candidate_patterns(layout, options));
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, Candidates,
    ::testing::Values(LayoutCase{"demo", {.frames = 13, .rows = 16, .cols = 16}, 100},
                      LayoutCase{"wide_and_short", {.frames = 9, .rows = 12, .cols = 20}, 90},
                      LayoutCase{
                          "text_behind", {.frames = 11, .rows = 17, .cols = 30, .suffix = 77}, 100},
                      LayoutCase{"one_frame", {.frames = 1, .rows = 48, .cols = 48}, 20},
                      LayoutCase{"one_row", {.frames = 33, .rows = 1, .cols = 96}, 20},
                      LayoutCase{"one_tile", {.frames = 2, .rows = 4, .cols = 4}, 3}),
    [](const auto& tested) { return std::string(tested.param.why); });

TEST(CandidateFamilies, EveryFamilyCoversTheDensities) {
  const TokenLayout layout{.frames = 13, .rows = 16, .cols = 16};
  std::map<PatternKind, std::vector<double>> densities;
  for (const Pattern& pattern : candidate_patterns(layout)) {
    densities[pattern.kind].push_back(density_of(pattern, layout));
  }
  for (const PatternKind kind :
       {PatternKind::kDiagonal, PatternKind::kMultiDiagonal, PatternKind::kWindow,
        PatternKind::kVerticalStripe, PatternKind::kUnion}) {
    std::vector<double>& of = densities[kind];
    ASSERT_GE(of.size(), 8u) << pattern_name(kind);
    std::sort(of.begin(), of.end());
    EXPECT_LE(of.front(), 0.12) << pattern_name(kind);
    EXPECT_GE(of.back(), 0.7) << pattern_name(kind);
  }
}

TEST(CandidateFamilies, MeasuredStripesAreOfferedAloneAndInUnions) {
  const TokenLayout layout{.frames = 13, .rows = 16, .cols = 16};
  const VerticalStripe stripe{
      {{.frame_begin = 4, .frame_end = 6, .row_begin = 0.25, .row_end = 0.5}}};
  const std::vector<Pattern> candidates = candidate_patterns(layout, {.stripes = {stripe}});
  const auto is_it = [&](const Pattern& pattern) {
    return pattern.parts == make_pattern(stripe).parts;
  };
  EXPECT_EQ(std::count_if(candidates.begin(), candidates.end(), is_it), 1);
  const auto holds = [&](const Pattern& pattern) {
    return pattern.kind == PatternKind::kUnion &&
           std::find(pattern.parts.begin(), pattern.parts.end(), SimplePattern(stripe)) !=
               pattern.parts.end();
  };
  EXPECT_GE(std::count_if(candidates.begin(), candidates.end(), holds), 4);
}

// Left open, the order would be chosen anew at another size, and with it which keys a tile adds.
TEST(CandidateFamilies, NameTheOrderThatTheCompilerTakesHere) {
  const TokenLayout layout{.frames = 13, .rows = 16, .cols = 16};
  for (const Pattern& candidate : candidate_patterns(layout)) {
    if (candidate.parts.empty()) {
      EXPECT_FALSE(candidate.order) << describe(candidate);
      continue;
    }
    Pattern open = candidate;
    open.order.reset();
    EXPECT_EQ(candidate.order, compile_pattern(open, layout).order) << describe(candidate);
  }
}

TEST(CandidateFamilies, OfEqualTilesTheMostGenerousPatternIsOffered) {
  // A frame of 4 x 4 is a quarter of a key tile, so small radii compute the same tiles.
  const TokenLayout layout{.frames = 8, .rows = 4, .cols = 4};
  const std::vector<Pattern> candidates = candidate_patterns(layout);
  for (const Pattern& candidate : candidates) {
    if (candidate.kind != PatternKind::kWindow) {
      continue;
    }
    const auto& window = std::get<Window>(candidate.parts[0]);
    if (window.rows != window.cols || window.rows >= 0.5) {
      continue;
    }
    Pattern wider = candidate;
    std::get<Window>(wider.parts[0]).rows = std::get<Window>(wider.parts[0]).cols = 0.5;
    wider.order.reset();
    EXPECT_NE(compile_pattern(wider, layout).tiles, compile_pattern(candidate, layout).tiles)
        << describe(candidate);
  }
}

struct BadOptions {
  const char* why;
  CandidateOptions options;
  const char* text;
};
void PrintTo(const BadOptions& bad, std::ostream* out) { *out << bad.why; }
class BadCandidateOptions : public ::testing::TestWithParam<BadOptions> {};

TEST_P(BadCandidateOptions, AreNamed) {
  try {
    candidate_patterns({.frames = 3, .rows = 8, .cols = 8}, GetParam().options);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(GetParam().text), std::string::npos) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, BadCandidateOptions,
    ::testing::Values(BadOptions{"too_few", {.most = 3}, "most: 3 candidates are outside 8..512"},
                      BadOptions{"crossed",
                                 {.least_density = 0.5, .most_density = 0.2},
                                 "least_density 0.5 and most_density 0.2 are not ascending"},
                      BadOptions{"empty_stripe", {.stripes = {{}}}, "stripes[0]"}),
    [](const auto& tested) { return std::string(tested.param.why); });

// Maps in which given blocks get a share of every row and the rest goes to the diagonal.
std::vector<float> map_with_columns(std::int32_t size, const std::vector<std::int32_t>& columns,
                                    float share) {
  std::vector<float> map(static_cast<std::size_t>(size) * static_cast<std::size_t>(size));
  for (std::int32_t row = 0; row < size; ++row) {
    const auto at = [&](std::int32_t column) -> float& {
      return map[static_cast<std::size_t>(row * size + column)];
    };
    at(row) += 1.0f - share;
    for (const std::int32_t column : columns) {
      at(column) += share / static_cast<float>(columns.size());
    }
  }
  return map;
}

TEST(Stripes, TheKeysThatAllQueriesWantBecomeBoxes) {
  const TokenLayout layout{.frames = 13, .rows = 16, .cols = 16};
  // Blocks of 64 tokens are 4 rows: 9 and 10 are the middle half of frame 2.
  const std::vector<float> map = map_with_columns(52, {9, 10}, 0.6f);
  const std::vector<VerticalStripe> stripes = stripe_candidates(map, 1, 52, layout);
  ASSERT_EQ(stripes.size(), 1u);
  const VerticalStripe expected{
      {{.frame_begin = 2, .frame_end = 3, .row_begin = 0.25, .row_end = 0.75}}};
  EXPECT_EQ(stripes[0], expected);
}

TEST(Stripes, AWholeFirstFrameIsOneBoxAndPrefixTokensNone) {
  const TokenLayout layout{.prefix = 64, .frames = 3, .rows = 8, .cols = 16};
  const std::vector<float> map = map_with_columns(7, {0, 1, 2}, 0.9f);
  const std::vector<VerticalStripe> stripes =
      stripe_candidates(map, 1, 7, layout, {.shares = {0.4}});
  ASSERT_EQ(stripes.size(), 1u);
  const VerticalStripe expected{{{.frame_begin = 0, .frame_end = 1}}};
  EXPECT_EQ(stripes[0], expected);
}

TEST(Stripes, RowsWantedInEveryFrameAreWantedInThoseOfALongerClip) {
  const TokenLayout layout{.frames = 4, .rows = 8, .cols = 8};
  // Blocks of 8 tokens are rows: the third one of each frame.
  const std::vector<float> map = map_with_columns(32, {2, 10, 18, 26}, 0.9f);
  const std::vector<VerticalStripe> stripes =
      stripe_candidates(map, 1, 32, layout, {.shares = {0.2}});
  ASSERT_EQ(stripes.size(), 1u);
  ASSERT_EQ(stripes[0].boxes.size(), 1u);
  EXPECT_TRUE(
      keeps(make_pattern(stripes[0]), {.frames = 40, .rows = 8, .cols = 8}, 0, 39 * 64 + 2 * 8));
}

TEST(Stripes, DiagonalAndEvenHeadsHaveNone) {
  const TokenLayout layout{.frames = 13, .rows = 16, .cols = 16};
  EXPECT_TRUE(stripe_candidates(map_with_columns(52, {}, 0.0f), 1, 52, layout).empty());
  const std::vector<float> even(52 * 52, 1.0f / 52.0f);
  EXPECT_TRUE(stripe_candidates(even, 1, 52, layout).empty());
}

TEST(Stripes, HeadsThatWantTheSameGiveOneAndTheStrongestComeFirst) {
  const TokenLayout layout{.frames = 13, .rows = 16, .cols = 16};
  std::vector<float> maps;
  for (const auto& [column, share] : {std::pair{3, 0.3f}, {40, 0.5f}, {40, 0.6f}, {20, 0.2f}}) {
    const std::vector<float> map = map_with_columns(52, {column}, share);
    maps.insert(maps.end(), map.begin(), map.end());
  }
  const std::vector<VerticalStripe> stripes = stripe_candidates(maps, 4, 52, layout, {.most = 2});
  ASSERT_EQ(stripes.size(), 2u);
  EXPECT_EQ(stripes[0].boxes[0].frame_begin, 10);
  EXPECT_EQ(stripes[1].boxes[0].frame_begin, 0);
}

TEST(Stripes, MapsOfAnotherSizeAreNamed) {
  EXPECT_THROW(stripe_candidates(std::vector<float>(10), 1, 3, {.frames = 1, .rows = 8, .cols = 8}),
               Error);
}

}  // namespace
}  // namespace twill::search
