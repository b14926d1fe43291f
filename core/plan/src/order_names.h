// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "twill/plan/names.h"
#include "twill/plan/token_layout.h"

namespace twill {

inline constexpr std::array<std::pair<OrderKind, std::string_view>, 3> kOrderNames{{
    {OrderKind::kRaster, "raster"},
    {OrderKind::kTimeFastest, "time_fastest"},
    {OrderKind::kTiles, "tiles"},
}};

inline std::string_view order_kind_name(OrderKind kind) { return name_in(kOrderNames, kind); }

// The inverse of order_name(); empty when the text is no order's name.
std::optional<TokenOrder> parse_order_name(std::string_view text);

}  // namespace twill
