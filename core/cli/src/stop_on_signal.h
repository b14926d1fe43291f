// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Ctrl-C and SIGTERM ask the running job to stop; a second one ends the program at once.
#pragma once

#include <stop_token>
#include <thread>

namespace twill::cli {

// Made before any other thread, which then leave the signals to this one.
class StopOnSignal {
 public:
  StopOnSignal();
  ~StopOnSignal();
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  std::stop_source stop_;
  std::jthread watcher_;
};

}  // namespace twill::cli
