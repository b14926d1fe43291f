// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What every job shares: how it tells its progress, how it is stopped and how it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "twill/plan/error.h"

namespace twill::jobs {

// One line of progress. done and total count the stage's own units (forwards, clips, frames).
struct Progress {
  std::string stage;  // "search prompt 1 of 2"
  std::int64_t done = 0;
  std::int64_t total = 0;
  double seconds = 0.0;       // since the stage began
  double eta_seconds = -1.0;  // of the stage; negative while nothing can be said
};

// Given to a job by its caller. The callbacks come from the thread that runs the job and may be
// empty.
struct JobControl {
  std::function<void(const Progress&)> progress;
  std::function<void(const std::string&)> note;  // one sentence that the user should read
  std::stop_token stop;                          // looked at before every layer of a forward
};

// A job ends in exactly one of these; cancelled is no failure.
enum class OutcomeKind : std::uint8_t { kFinished, kCancelled, kFailed };

struct Outcome {
  OutcomeKind kind = OutcomeKind::kFinished;
  ErrorCode code = ErrorCode::kSystem;  // of a failure
  std::string text;                     // of a failure: one sentence; else empty
};

// Runs `work` and turns what it throws into an outcome. Work that returns after a stop was asked
// for is finished: it has written what it promised.
Outcome run_job(const std::function<void()>& work);

}  // namespace twill::jobs
