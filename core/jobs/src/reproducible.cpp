// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/reproducible.h"

#include <cstdlib>

namespace twill::jobs {

void ask_for_reproducible_sums() {
  // NOLINTBEGIN(concurrency-mt-unsafe): no other thread yet
  ::setenv("MKL_CBWR", "AUTO,STRICT", 0);
  ::setenv("MKL_DYNAMIC", "FALSE", 0);
  // NOLINTEND(concurrency-mt-unsafe)
}

}  // namespace twill::jobs
