// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "stop_on_signal.h"

#include <signal.h>
#include <unistd.h>

#include <ctime>

#include "exit_codes.h"

namespace twill::cli {
namespace {

sigset_t watched() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

StopOnSignal::StopOnSignal() {
  const sigset_t signals = watched();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  watcher_ = std::jthread([this](const std::stop_token& program_ends) {
    const sigset_t set = watched();
    while (!program_ends.stop_requested()) {
      const timespec wait{.tv_sec = 0, .tv_nsec = 50'000'000};
      if (sigtimedwait(&set, nullptr, &wait) > 0 && !stop_.request_stop()) {
        _exit(kExitCancelled);
      }
    }
  });
}

StopOnSignal::~StopOnSignal() = default;

}  // namespace twill::cli
