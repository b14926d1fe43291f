// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>

#include "jobs/scratch_folder.h"
#include "probing.h"
#include "profile_run.h"

namespace twill::jobs {
namespace {

TEST(ProfiledSteps, are_spread_from_the_first_to_the_last) {
  EXPECT_EQ(profiled_steps(20, 8), (std::vector<std::int64_t>{0, 3, 5, 8, 11, 14, 16, 19}));
  EXPECT_EQ(profiled_steps(4, 8), (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(profiled_steps(5, 2), (std::vector<std::int64_t>{0, 4}));
  EXPECT_EQ(profiled_steps(5, 1), (std::vector<std::int64_t>{0}));
  EXPECT_EQ(profiled_steps(1, 3), (std::vector<std::int64_t>{0}));
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
  KeptSeconds(folder / "seconds.json").add(1.5);
  KeptSeconds again(folder / "seconds.json");
  again.add(2.0);
  EXPECT_EQ(again.total(), 3.5);
}

}  // namespace
}  // namespace twill::jobs
