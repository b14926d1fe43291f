// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What two patterns have in common that compute the same tiles.
#pragma once

#include <cstdint>
#include <vector>

#include "twill/plan/compile.h"

namespace twill::search {

inline std::vector<std::int32_t> tile_key(const TileList& list) {
  std::vector<std::int32_t> key{static_cast<std::int32_t>(list.order.kind), list.order.frames,
                                list.order.rows, list.order.cols};
  for (const kernels::KeyRun& run : list.runs) {
    key.push_back(run.first);
    key.push_back(run.count);
  }
  key.insert(key.end(), list.run_begin.begin(), list.run_begin.end());
  return key;
}

}  // namespace twill::search
