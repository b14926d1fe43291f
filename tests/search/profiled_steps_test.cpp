// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Which steps a search looks at, and what it keeps of the seconds that they took.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "jobs/scratch_folder.h"
#include "twill/search/calibration.h"
#include "twill/search/kept_values.h"
#include "twill/search/search_run.h"

namespace twill::search {
namespace {

// t of a flow's steps at shift 3.
std::vector<double> shifted(int steps) {
  std::vector<double> t;
  for (int step = 0; step < steps; ++step) {
    const double even = 1.0 - static_cast<double>(step) / steps;
    t.push_back(3.0 * even / (1.0 + 2.0 * even));
  }
  return t;
}

TEST(ProfiledSteps, are_closer_together_where_errors_count_more) {
  const std::vector<double> t = shifted(20);
  const std::vector<std::int32_t> steps = profiled_steps(t, 10);
  ASSERT_EQ(steps.size(), 10u);
  EXPECT_EQ(steps.front(), 0);
  EXPECT_EQ(steps.back(), 19);
  EXPECT_EQ(std::adjacent_find(steps.begin(), steps.end(), std::greater_equal<>()), steps.end());
  // Half of the points lie in the first third of the steps.
  EXPECT_LE(steps[4], 6);
  EXPECT_EQ(profiled_steps(shifted(4), 8), (std::vector<std::int32_t>{0, 1, 2, 3}));
  EXPECT_EQ(profiled_steps(t, 2), (std::vector<std::int32_t>{0, 19}));
  EXPECT_EQ(profiled_steps(t, 1), (std::vector<std::int32_t>{0}));
  for (int count = 1; count <= 25; ++count) {
    const std::vector<std::int32_t> some = profiled_steps(t, count);
    EXPECT_EQ(some.size(), static_cast<std::size_t>(std::min(count, 20)));
    EXPECT_EQ(std::adjacent_find(some.begin(), some.end(), std::greater_equal<>()), some.end())
        << count;
    EXPECT_LE(some.back(), 19) << count;
  }
}

TEST(StretchEdges, share_the_steps_out_as_evenly_as_can_be) {
  const std::vector<double> t{1.0, 0.9, 0.7, 0.5, 0.2};
  EXPECT_EQ(stretch_edges(t, 1), (std::vector<double>{0.0, 1.0}));
  const std::vector<double> edges = stretch_edges(t, 2);
  ASSERT_EQ(edges.size(), 3u);
  EXPECT_DOUBLE_EQ(edges[1], 0.8);
  for (int bins = 1; bins <= 7; ++bins) {
    const std::vector<double> all = stretch_edges(t, bins);
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
    std::vector<std::ptrdiff_t> counts;
    for (std::size_t bin = 0; bin + 1 < all.size(); ++bin) {
      counts.push_back(std::count_if(t.begin(), t.end(), [&](double time) {
        return time > all[bin] && time <= all[bin + 1];
      }));
    }
    const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
    EXPECT_GE(*least, 1) << bins;
    EXPECT_LE(*most - *least, 1) << bins;
  }
}

TEST(KeptSeconds, go_on_from_what_an_earlier_run_left) {
  const tests::ScratchFolder folder;
  KeptSeconds(KeptValues(folder.path())).add("step 0", 1.5);
  KeptSeconds again(KeptValues(folder.path()));
  again.count("step 0");
  again.add("step 1", 2.0);
  EXPECT_EQ(again.total(), 3.5);
  EXPECT_EQ(again.elsewhere(), 1.5);
}

TEST(KeptSeconds, of_two_runs_at_once_are_all_kept) {
  const tests::ScratchFolder folder;
  KeptSeconds one(KeptValues(folder.path()));
  KeptSeconds other(KeptValues(folder.path()));
  one.add("step 0", 1.0);
  other.add("step 1", 2.0);
  one.add("step 2", 4.0);
  KeptSeconds next(KeptValues(folder.path()));
  for (const char* unit : {"step 0", "step 1", "step 2", "step 3"}) {
    next.count(unit);
  }
  EXPECT_EQ(next.total(), 7.0);
}

TEST(KeptSeconds, of_a_unit_that_was_made_here_count_once) {
  const tests::ScratchFolder folder;
  KeptSeconds seconds(KeptValues(folder.path()));
  seconds.add("step 0", 1.5);
  seconds.count("step 0");
  EXPECT_EQ(seconds.total(), 1.5);
  EXPECT_EQ(seconds.elsewhere(), 0.0);
}

}  // namespace
}  // namespace twill::search
