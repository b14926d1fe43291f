// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/cost.h"

#include "twill/plan/compile.h"
#include "twill/plan/error.h"

namespace twill::search {

std::vector<std::int64_t> tiles_of(const std::vector<Pattern>& patterns,
                                   const TokenLayout& layout) {
  std::vector<std::int64_t> tiles;
  tiles.reserve(patterns.size());
  for (const Pattern& pattern : patterns) {
    tiles.push_back(pattern_tiles(pattern, layout));
  }
  return tiles;
}

CandidateCosts candidate_costs(const Profile& profile, const TokenLayout& layout) {
  check_layout(layout);
  const double all = static_cast<double>(dense_tiles(layout));
  CandidateCosts costs{.tiles = tiles_of(profile.candidates, layout)};
  const std::vector<std::int64_t>& tiles = costs.tiles;
  for (const std::int64_t count : tiles) {
    costs.density.push_back(static_cast<double>(count) / all);
  }
  const CostTable& table = profile.cost;
  if (table.milliseconds.empty()) {
    return costs;
  }
  require(table.milliseconds.size() == profile.candidates.size(), ErrorCode::kModel,
          "the profile's cost table has ", table.milliseconds.size(), " entries for ",
          profile.candidates.size(), " candidates");
  const std::vector<std::int64_t> measured =
      table.layout == layout ? tiles : tiles_of(profile.candidates, table.layout);
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    // A pattern keeps its speed per cell; what computes no cells goes by the tokens it writes.
    const double scale =
        measured[i] > 0
            ? static_cast<double>(tiles[i]) / static_cast<double>(measured[i])
            : static_cast<double>(layout.tokens()) / static_cast<double>(table.layout.tokens());
    costs.milliseconds.push_back(table.milliseconds[i] * scale);
  }
  return costs;
}

}  // namespace twill::search
