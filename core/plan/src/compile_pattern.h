// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The compile step for one pattern, with its geometry made before: CompiledPlan shares one per
// order.
#pragma once

#include <span>

#include "order_geometry.h"
#include "twill/plan/compile.h"

namespace twill {

// True when the pattern is compiled to a list; dense, skip and mean are not.
bool needs_list(const Pattern& pattern);

// The orders that `pattern` may be compiled in: its own, or kDefaultOrders.
std::span<const TokenOrder> orders_of(const Pattern& pattern);

// The list in the one of `geometries` (none empty) that gives the fewest tiles, the first of
// equals. Its position_to_token is left empty.
TileList compile_best(const Pattern& pattern, const TokenLayout& layout,
                      std::span<const OrderGeometry* const> geometries);

}  // namespace twill
