// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The process's own worker threads: no OpenMP runtime beside the host's.
#pragma once

#include <cstdint>
#include <functional>

#include "twill/kernels/executor.h"

namespace twill::kernels {

// Processors that this process may run on.
std::int32_t available_threads();

// Whose threads run a call, and how many.
struct Threads {
  std::int32_t count = 0;        // 0: as many as are available
  Executor* executor = nullptr;  // null: the process's own
};

// Calls body(item, worker) for every item of 0..items, on up to `threads` threads, the calling one
// included. Items are handed out in order; worker is 0..threads and names a thread for the length
// of the call. One call at a time has the process's own workers: a call that finds them busy runs
// on its own thread alone. An exception of body ends the call early and is thrown again here.
void parallel_for(std::int64_t items, const Threads& threads,
                  const std::function<void(std::int64_t item, std::int32_t worker)>& body);

// Threads that parallel_for uses at most for such a request.
std::int32_t threads_for(const Threads& threads);

}  // namespace twill::kernels
