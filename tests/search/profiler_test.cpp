// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Where the profiler looks. What comes of it is tested on planted heads in
// tests/python/test_search.py, and the kernels that measure in tests/kernels/profiling_test.cpp.
#include "twill/search/profiler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "twill/plan/error.h"

namespace twill::search {
namespace {

constexpr TokenLayout kLayout{.prefix = 5, .frames = 12, .rows = 16, .cols = 16, .suffix = 3};

ProfilerOptions options() {
  ProfilerOptions options;
  options.layout = kLayout;
  options.rows = 64;
  return options;
}

TEST(Profiler, rows_are_tokens_of_the_grid_in_order) {
  const std::vector<std::int32_t> rows = unit_rows(options(), 3, 1);
  EXPECT_EQ(rows.size(), 64u);
  EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end()));
  EXPECT_EQ(std::set<std::int32_t>(rows.begin(), rows.end()).size(), rows.size());
  EXPECT_GE(rows.front(), kLayout.prefix);
  EXPECT_LT(rows.back(), kLayout.prefix + kLayout.grid_tokens());
  EXPECT_EQ(rows, unit_rows(options(), 3, 1));  // a search that goes on measures the same
}

TEST(Profiler, rows_are_spread_evenly_over_frames) {
  for (std::int32_t t_index = 0; t_index < 8; ++t_index) {
    std::vector<int> of_third(3);
    for (const std::int32_t row : unit_rows(options(), t_index, 0)) {
      ++of_third[static_cast<std::size_t>((row - kLayout.prefix) / kLayout.frame_tokens() / 4)];
    }
    for (const int count : of_third) {
      EXPECT_NEAR(count, 64.0 / 3.0, 4.0) << t_index;  // of random rows one in six is farther off
    }
  }
}

// A plan rests on the sum over all units: rows that were the same in each would leave out 98 % of
// the tokens of a clip.
TEST(Profiler, every_unit_looks_at_other_rows) {
  std::set<std::int32_t> seen;
  for (std::int32_t t_index = 0; t_index < 10; ++t_index) {
    for (std::int32_t prompt = 0; prompt < 2; ++prompt) {
      const std::vector<std::int32_t> rows = unit_rows(options(), t_index, prompt);
      seen.insert(rows.begin(), rows.end());
    }
  }
  // 20 draws of 64 among 3072, had they nothing to do with each other, see this many.
  const double tokens = kLayout.grid_tokens();
  const double expected = tokens * (1.0 - std::pow(1.0 - 64.0 / tokens, 20.0));
  EXPECT_GT(static_cast<double>(seen.size()), 0.9 * expected);
  ProfilerOptions other = options();
  other.row_seed = 1;
  EXPECT_NE(unit_rows(options(), 0, 0), unit_rows(other, 0, 0));
}

// A plan for 4 steps rests on 4 units of each prompt: with 64 rows each it lost 0.7 dB.
TEST(Profiler, few_units_have_more_rows) {
  ProfilerOptions open = options();
  open.rows = 0;
  const auto rows = [&](std::vector<double> t) {
    open.t = std::move(t);
    return unit_rows(open, 0, 0).size();
  };
  EXPECT_EQ(rows({1.0, 0.9, 0.75, 0.5}), 160u);
  EXPECT_EQ(rows({1.0, 0.7, 0.3}), 214u);
  EXPECT_EQ(rows({1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05}), 64u);
  open.layout = {.frames = 2, .rows = 3, .cols = 4};
  EXPECT_EQ(rows({1.0}), 24u);
}

TEST(Profiler, all_rows_of_a_small_grid_and_no_more) {
  ProfilerOptions all = options();
  all.layout = {.frames = 2, .rows = 3, .cols = 4};
  all.rows = 24;
  EXPECT_EQ(unit_rows(all, 1, 0).size(), 24u);
  all.rows = 25;
  try {
    unit_rows(all, 1, 0);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), "rows: 25 is outside 1..24");
  }
}

}  // namespace
}  // namespace twill::search
