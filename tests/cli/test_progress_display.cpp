// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include "progress_display.h"

namespace twill::cli {
namespace {

TEST(FormatDuration, takes_the_largest_unit_that_fits) {
  EXPECT_EQ(format_duration(0.2), "0 s");
  EXPECT_EQ(format_duration(59.4), "59 s");
  EXPECT_EQ(format_duration(59.6), "1:00 min");
  EXPECT_EQ(format_duration(125), "2:05 min");
  EXPECT_EQ(format_duration(3725), "1:02:05 h");
  EXPECT_EQ(format_duration(-3), "0 s");
}

TEST(FormatProgress, shows_bar_count_and_time_left) {
  const jobs::Progress half{
      .stage = "denoise", .done = 2, .total = 4, .seconds = 10, .eta_seconds = 10};
  EXPECT_EQ(format_progress(half, 8), "denoise [####....] 2/4, 10 s left");
}

TEST(FormatProgress, says_nothing_about_time_before_anything_is_known) {
  EXPECT_EQ(format_progress({.stage = "denoise", .done = 0, .total = 4}, 4), "denoise [....] 0/4");
}

TEST(FormatProgress, says_how_long_a_finished_stage_took) {
  const jobs::Progress end{
      .stage = "denoise", .done = 4, .total = 4, .seconds = 61, .eta_seconds = 0};
  EXPECT_EQ(format_progress(end, 4), "denoise [####] 4/4, took 1:01 min");
}

TEST(FormatProgress, stands_strange_totals) {
  EXPECT_EQ(format_progress({.stage = "x", .done = 9, .total = 0}, 4), "x [....] 9/0");
  EXPECT_EQ(format_progress({.stage = "x", .done = 9, .total = 4, .seconds = 1}, 4),
            "x [####] 9/4, took 1 s");
}

TEST(ProgressDisplay, writes_plain_lines_where_there_is_no_terminal) {
  ::testing::internal::CaptureStderr();
  ProgressDisplay display(false);
  for (int done = 0; done <= 100; ++done) {
    display.show({.stage = "denoise", .done = done, .total = 100});
  }
  display.finish();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "denoise [........................] 0/100\ndenoise [########################] 100/100, "
            "took 0 s\n");
}

TEST(ProgressDisplay, quiet_means_notes_only) {
  ::testing::internal::CaptureStderr();
  ProgressDisplay display(true);
  display.show({.stage = "denoise", .done = 1, .total = 2});
  display.note("12 attention calls ran dense");
  display.finish();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "12 attention calls ran dense\n");
}

}  // namespace
}  // namespace twill::cli
