// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The tables that say which tiles a head computes: made by core/plan, read by every kernel.
#pragma once

#include <cstdint>
#include <span>

#include "twill/kernels/tiles.h"

namespace twill::kernels {

// One compiled pattern: the key tiles of every query tile, both counted in positions of a token
// order.
struct TileListView {
  std::span<const KeyRun> runs;
  std::span<const std::int32_t> run_begin;  // [query_tiles + 1] offsets into runs
  // Position -> token, [tokens]; empty means raster (the identity).
  std::span<const std::int32_t> position_to_token;
};

struct HeadTask {
  HeadMode mode = HeadMode::kDense;
  std::int32_t list = -1;                  // index into the launch's tile lists when kSparse
  Precision precision = Precision::kBf16;  // of heads with keys

  friend bool operator==(const HeadTask&, const HeadTask&) = default;
};

}  // namespace twill::kernels
