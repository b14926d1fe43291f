// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a head of one forward costs with each candidate.
#pragma once

#include <cstdint>
#include <vector>

#include "twill/plan/profile.h"

namespace twill::search {

// Cells (list tiles) at the layout, [patterns].
std::vector<std::int64_t> tiles_of(const std::vector<Pattern>& patterns, const TokenLayout& layout);

struct CandidateCosts {
  std::vector<std::int64_t> tiles;   // [candidates] cells, as list tiles
  std::vector<double> density;       // [candidates] cells over dense's
  std::vector<double> milliseconds;  // [candidates]; empty when the profile holds no cost table
};
// At `layout`; milliseconds of another layout than the cost table's are interpolated over cells.
// Throws Error(kModel) when the cost table does not fit the candidates, and as check_layout() does.
CandidateCosts candidate_costs(const Profile& profile, const TokenLayout& layout);

}  // namespace twill::search
