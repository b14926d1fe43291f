// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How far a long piece of work is.
#pragma once

#include <cstdint>

namespace twill::search {

struct Progress {
  std::int64_t done = 0;
  std::int64_t total = 0;
  double seconds = 0.0;       // spent since this process began the work
  double eta_seconds = -1.0;  // still to come; negative while nothing can be said
};

// `resumed`: of `done`, what an earlier process did; it says nothing about this one's speed.
Progress progress_at(std::int64_t done, std::int64_t total, double seconds,
                     std::int64_t resumed = 0);

}  // namespace twill::search
