// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Progress on stderr: a bar that is drawn over itself on a terminal, else a line now and then.
#pragma once

#include <chrono>
#include <string>

#include "twill/jobs/job.h"

namespace twill::cli {

std::string format_duration(double seconds);  // "7 s", "2:05 min", "1:02:05 h"
// "search 1/2 [#####.....] 10/20, 0:35 min left", the bar `width` characters wide.
std::string format_progress(const jobs::Progress& progress, int width);

class ProgressDisplay {
 public:
  explicit ProgressDisplay(bool quiet);

  void show(const jobs::Progress& progress);
  void note(const std::string& text);
  // Leaves the cursor at the start of an empty line.
  void finish();

 private:
  bool quiet_ = false;
  bool terminal_ = false;
  bool open_line_ = false;
  std::string stage_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace twill::cli
