// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <vector>

#include "meter.h"
#include "twill/jobs/job.h"

namespace twill::jobs {
namespace {

TEST(RunJob, work_that_returns_is_finished) {
  const Outcome outcome = run_job([] {});
  EXPECT_EQ(outcome.kind, OutcomeKind::kFinished);
  EXPECT_EQ(outcome.text, "");
}

TEST(RunJob, cancelled_is_no_failure) {
  const Outcome outcome = run_job([] { throw Cancelled(); });
  EXPECT_EQ(outcome.kind, OutcomeKind::kCancelled);
  EXPECT_EQ(outcome.text, "");
}

TEST(RunJob, an_error_keeps_its_code_and_its_sentence) {
  const Outcome outcome =
      run_job([] { throw Error(ErrorCode::kUsage, "steps -3 is not in 1..1000"); });
  EXPECT_EQ(outcome.kind, OutcomeKind::kFailed);
  EXPECT_EQ(outcome.code, ErrorCode::kUsage);
  EXPECT_EQ(outcome.text, "steps -3 is not in 1..1000");
}

TEST(RunJob, a_stack_trace_behind_the_first_line_is_dropped) {
  const Outcome outcome =
      run_job([] { throw std::runtime_error("bad shape\nException raised from ..."); });
  EXPECT_EQ(outcome.kind, OutcomeKind::kFailed);
  EXPECT_EQ(outcome.text, "bad shape");
}

TEST(RunJob, names_with_line_ends_stay_in_the_line) {
  const Outcome outcome = run_job([] { throw Error(ErrorCode::kFile, "a\nb.json: is no JSON"); });
  EXPECT_EQ(outcome.text, "a\\nb.json: is no JSON");
}

TEST(RunJob, whatever_is_thrown_is_a_failure) {
  const Outcome outcome = run_job([] { throw 7; });
  EXPECT_EQ(outcome.kind, OutcomeKind::kFailed);
  EXPECT_EQ(outcome.code, ErrorCode::kSystem);
  EXPECT_EQ(outcome.text, "an unknown failure");
}

TEST(RunJob, missing_memory_is_said_so) {
  const Outcome outcome = run_job([] { throw std::bad_alloc(); });
  EXPECT_EQ(outcome.code, ErrorCode::kSystem);
  EXPECT_EQ(outcome.text, "not enough memory");
}

TEST(Meter, tells_begin_each_unit_and_end) {
  std::vector<Progress> told;
  const JobControl control{.progress = [&](const Progress& progress) { told.push_back(progress); }};
  Meter meter(control, "denoise", 2);
  meter.advance();
  meter.advance();
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].done, 0);
  EXPECT_LT(told[0].eta_seconds, 0.0);
  EXPECT_EQ(told[1].done, 1);
  EXPECT_NEAR(told[1].eta_seconds, told[1].seconds, 1e-12);
  EXPECT_EQ(told[2].done, 2);
  EXPECT_EQ(told[2].eta_seconds, 0.0);
}

TEST(Meter, work_of_an_earlier_run_does_not_count_for_the_rate) {
  std::vector<Progress> told;
  const JobControl control{.progress = [&](const Progress& progress) { told.push_back(progress); }};
  Meter meter(control, "denoise", 10, 8);
  meter.advance();
  EXPECT_NEAR(told.back().eta_seconds, told.back().seconds, 1e-12);
}

TEST(Meter, a_requested_stop_is_thrown) {
  std::stop_source stop;
  const JobControl control{.stop = stop.get_token()};
  const Meter meter(control, "denoise", 1);
  EXPECT_NO_THROW(meter.check_stop());
  stop.request_stop();
  EXPECT_THROW(meter.check_stop(), Cancelled);
}

}  // namespace
}  // namespace twill::jobs
