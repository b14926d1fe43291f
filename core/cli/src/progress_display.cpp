// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "progress_display.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace twill::cli {
namespace {

constexpr auto kTerminalPeriod = std::chrono::milliseconds(100);
constexpr auto kPlainPeriod = std::chrono::seconds(10);
constexpr int kBarWidth = 24;

std::string two_digits(long value) { return concat(value < 10 ? "0" : "", value); }

}  // namespace

std::string format_duration(double seconds) {
  const long whole = std::lround(std::max(0.0, seconds));
  if (whole < 60) {
    return concat(whole, " s");
  }
  if (whole < 3600) {
    return concat(whole / 60, ":", two_digits(whole % 60), " min");
  }
  return concat(whole / 3600, ":", two_digits(whole / 60 % 60), ":", two_digits(whole % 60), " h");
}

std::string format_progress(const jobs::Progress& progress, int width) {
  const double share =
      progress.total > 0
          ? std::clamp(static_cast<double>(progress.done) / static_cast<double>(progress.total),
                       0.0, 1.0)
          : 0.0;
  const int filled = static_cast<int>(share * width);
  std::string text =
      concat(progress.stage, " [", std::string(filled, '#'), std::string(width - filled, '.'), "] ",
             progress.done, "/", progress.total);
  if (progress.total > 0 && progress.done >= progress.total) {
    text += concat(", took ", format_duration(progress.seconds));
  } else if (progress.eta_seconds >= 0) {
    text += concat(", ", format_duration(progress.eta_seconds), " left");
  }
  return text;
}

ProgressDisplay::ProgressDisplay(bool quiet)
    : quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}

void ProgressDisplay::show(const jobs::Progress& progress) {
  if (quiet_) {
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  const bool ends = progress.total > 0 && progress.done >= progress.total;
  const bool begins = progress.stage != stage_;
  if (begins) {
    finish();
    stage_ = progress.stage;
  } else if (!ends && now - last_ < (terminal_ ? std::chrono::milliseconds(kTerminalPeriod)
                                               : std::chrono::milliseconds(kPlainPeriod))) {
    return;
  }
  last_ = now;
  const std::string text = format_progress(progress, kBarWidth);
  if (!terminal_) {
    std::fprintf(stderr, "%s\n", text.c_str());
    return;
  }
  // The escape clears what is left of a longer line.
  std::fprintf(stderr, "\r%s\x1b[K", text.c_str());
  std::fflush(stderr);
  open_line_ = true;
  if (ends) {
    finish();
  }
}

void ProgressDisplay::note(const std::string& text) {
  finish();
  std::fprintf(stderr, "%s\n", text.c_str());
}

void ProgressDisplay::finish() {
  if (open_line_) {
    std::fputc('\n', stderr);
    open_line_ = false;
  }
}

}  // namespace twill::cli
