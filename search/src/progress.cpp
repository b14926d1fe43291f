// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/progress.h"

namespace twill::search {

Progress progress_at(std::int64_t done, std::int64_t total, double seconds, std::int64_t resumed) {
  Progress progress{.done = done, .total = total, .seconds = seconds};
  const std::int64_t here = done - resumed;
  if (done >= total) {
    progress.eta_seconds = 0.0;
  } else if (here > 0) {
    progress.eta_seconds = seconds * static_cast<double>(total - done) / static_cast<double>(here);
  }
  return progress;
}

}  // namespace twill::search
