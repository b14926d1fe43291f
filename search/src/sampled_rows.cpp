// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Which query tokens a profiler samples.

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "twill/plan/error.h"
#include "twill/search/profiler.h"

namespace twill::search {

std::vector<std::int32_t> sampled_rows(const TokenLayout& layout, std::int32_t count,
                                       std::uint64_t seed) {
  check_layout(layout);
  require(count >= 1 && count <= layout.grid_tokens(), ErrorCode::kUsage, "rows: ", count,
          " is outside 1..", layout.grid_tokens());
  // Additive recurrence with the powers of the inverse of the root of x^4 = x + 1: the generalised
  // golden ratio, which spreads points evenly over a cube however many there are.
  constexpr double kRoot = 1.2207440846057596;
  const std::array step{1.0 / kRoot, 1.0 / (kRoot * kRoot), 1.0 / (kRoot * kRoot * kRoot)};
  std::array<double, 3> at{};
  std::uint64_t state = seed;
  for (double& start : at) {  // splitmix64
    std::uint64_t mixed = (state += 0x9e3779b97f4a7c15ull);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ull;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebull;
    start = static_cast<double>((mixed ^ (mixed >> 31)) >> 11) * 0x1.0p-53;
  }
  const auto place = [](double share, std::int32_t length) {
    return std::min(length - 1, static_cast<std::int32_t>(share * length));
  };
  std::set<std::int32_t> rows;
  // Points may fall on one token; on a grid of which most tokens are asked for, the rest is filled.
  for (std::int64_t tries = 0;
       static_cast<std::int32_t>(rows.size()) < count && tries < 16l * count; ++tries) {
    for (std::size_t axis = 0; axis < at.size(); ++axis) {
      at[axis] += step[axis];
      at[axis] -= std::floor(at[axis]);
    }
    rows.insert(layout.prefix +
                (place(at[0], layout.frames) * layout.rows + place(at[1], layout.rows)) *
                    layout.cols +
                place(at[2], layout.cols));
  }
  for (std::int32_t token = layout.prefix; static_cast<std::int32_t>(rows.size()) < count;
       ++token) {
    rows.insert(token);
  }
  return {rows.begin(), rows.end()};
}

std::int32_t rows_of_unit(const ProfilerOptions& options) {
  constexpr std::int32_t kOfUnit = 64, kOfPrompt = 640;
  const auto units = static_cast<std::int32_t>(options.t.size());
  return options.rows > 0 ? options.rows
                          : std::min(options.layout.grid_tokens(),
                                     std::max(kOfUnit, (kOfPrompt + units - 1) / units));
}

std::vector<std::int32_t> unit_rows(const ProfilerOptions& options, std::int32_t t_index,
                                    std::int32_t prompt) {
  // sampled_rows mixes the bits of its seed.
  const auto of_unit =
      static_cast<std::uint64_t>(t_index) << 32 | static_cast<std::uint64_t>(prompt) << 8;
  return sampled_rows(options.layout, rows_of_unit(options), options.row_seed ^ of_unit);
}

}  // namespace twill::search
