// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/token_layout.h"

#include <algorithm>
#include <utility>

#include "checks.h"
#include "order_geometry.h"
#include "order_names.h"

namespace twill {

void check_layout_at(const TokenLayout& layout, std::string_view where, ErrorCode code) {
  const std::pair<const char*, std::int32_t> axes[] = {
      {"frames", layout.frames}, {"rows", layout.rows}, {"cols", layout.cols}};
  std::int64_t tokens = 1;
  for (const auto& [name, size] : axes) {
    require(size >= 1, code, join_path(where, name), ": ", size, " is less than 1");
    tokens *= size;
    require(tokens <= kMostTokens, code, join_path(where, name), ": ", size, " makes more than ",
            kMostTokens, " tokens");
  }
  for (const auto& [name, size] :
       {std::pair{"prefix", layout.prefix}, std::pair{"suffix", layout.suffix}}) {
    require(size >= 0, code, join_path(where, name), ": ", size, " is negative");
    tokens += size;
    require(tokens <= kMostTokens, code, join_path(where, name), ": ", size, " makes more than ",
            kMostTokens, " tokens");
  }
}

void check_layout(const TokenLayout& layout) {
  check_layout_at(layout, "layout", ErrorCode::kUsage);
}

std::string order_name(const TokenOrder& order) {
  if (order.kind != OrderKind::kTiles) {
    return std::string(order_kind_name(order.kind));
  }
  return concat(order_kind_name(order.kind), " ", order.frames, "x", order.rows, "x", order.cols);
}

std::vector<std::int32_t> position_to_token(const TokenOrder& order, const TokenLayout& layout) {
  check_layout(layout);
  if (order.kind == OrderKind::kRaster) {
    return {};
  }
  return OrderGeometry(order, layout).position_to_token();
}

}  // namespace twill
