// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a list must be, from keeps() over every pair of tokens. Shares no code with the compile
// step.
#pragma once

#include <string>
#include <vector>

#include "twill/plan/compile.h"

namespace twill::test {

// [query_tiles][key_tiles]: does a query of the tile keep a key of the tile, position by position
// of `order`.
using TileMatrix = std::vector<std::vector<bool>>;

// Position -> token by sorting the grid tokens by the order's definition.
std::vector<std::int32_t> order_by_sorting(const TokenOrder& order, const TokenLayout& layout);
// keeps() of every pair: [query][key].
std::vector<std::vector<bool>> pairs_kept(const Pattern& pattern, const TokenLayout& layout);
TileMatrix tiles_by_pairs(const std::vector<std::vector<bool>>& pairs, const TokenLayout& layout,
                          const TokenOrder& order);
// Checks that the runs are sorted and neither overlap nor touch, then spreads them out.
TileMatrix tiles_of_list(const TileList& list, const TokenLayout& layout);
std::int64_t count(const TileMatrix& tiles);
// Rows of # and . for a message.
std::string picture(const TileMatrix& tiles);

}  // namespace twill::test
