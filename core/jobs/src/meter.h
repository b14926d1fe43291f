// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Counts a stage's work and tells it with the time that is left.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "twill/jobs/job.h"

namespace twill::jobs {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

class Meter {
 public:
  // `total` units of work; `done` of them were done by an earlier run and do not count for the
  // rate.
  Meter(const JobControl& control, std::string stage, std::int64_t total, std::int64_t done = 0);

  void advance(std::int64_t units = 1);
  void set(std::int64_t done);
  // Throws Cancelled when the job was asked to stop.
  void check_stop() const;
  double seconds() const { return seconds_since(begin_); }

 private:
  void tell() const;

  const JobControl& control_;
  std::string stage_;
  std::int64_t total_ = 0;
  std::int64_t done_ = 0;
  std::int64_t first_ = 0;
  Clock::time_point begin_;
};

}  // namespace twill::jobs
