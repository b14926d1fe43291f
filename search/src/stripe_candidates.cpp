// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "twill/plan/error.h"
#include "twill/search/candidates.h"

namespace twill::search {
namespace {

// A block counts by what this share of the queries at least gives it.
constexpr double kWantedBy = 0.9;
// Stripes with this much in common (blocks in both over blocks in either) are one.
constexpr double kSame = 0.7;

using Blocks = std::set<std::int32_t>;

// [size] share of its attention that nearly every query gives to a key block.
std::vector<double> wanted_mass(std::span<const float> map, std::int32_t size) {
  const auto blocks = static_cast<std::size_t>(size);
  std::vector<std::vector<double>> columns(blocks);
  for (std::size_t row = 0; row < blocks; ++row) {
    const std::span<const float> values = map.subspan(row * blocks, blocks);
    const double sum = std::accumulate(values.begin(), values.end(), 0.0);
    for (std::size_t column = 0; column < blocks && sum > 0.0; ++column) {
      columns[column].push_back(static_cast<double>(values[column]) / sum);
    }
  }
  std::vector<double> mass;
  for (std::vector<double>& column : columns) {
    if (column.empty()) {
      return std::vector<double>(blocks, 0.0);
    }
    const auto at = column.begin() + static_cast<std::ptrdiff_t>(
                                         (1.0 - kWantedBy) * static_cast<double>(column.size()));
    std::nth_element(column.begin(), at, column.end());
    mass.push_back(*at);
  }
  return mass;
}

// Raster blocks as boxes of whole rows; a block's rows are rounded outwards. What reaches to the
// last frame does so in a clip of another length.
VerticalStripe boxes_of(const Blocks& blocks, std::int32_t size, const TokenLayout& layout) {
  const std::int32_t block_tokens = (layout.tokens() + size - 1) / size;
  std::map<std::int32_t, std::set<std::int32_t>> rows;  // by frame
  for (const std::int32_t block : blocks) {
    const std::int32_t begin = std::max(0, block * block_tokens - layout.prefix);
    const std::int32_t end =
        std::min(layout.grid_tokens(), (block + 1) * block_tokens - layout.prefix);
    for (std::int32_t row = begin / layout.cols; row * layout.cols < end; ++row) {
      rows[row / layout.rows].insert(row % layout.rows);
    }
  }
  std::vector<KeyBox> boxes;
  // Plain names here and below: Clang 14 lets no lambda take those of a structured binding.
  for (const auto& of_frame : rows) {
    const std::int32_t frame = of_frame.first;
    const auto& in_frame = of_frame.second;
    for (auto row = in_frame.begin(); row != in_frame.end();) {
      std::int32_t end = *row;
      const std::int32_t begin = *row;
      for (; row != in_frame.end() && *row == end; ++row) {
        ++end;
      }
      const KeyBox box{.frame_begin = frame,
                       .frame_end = frame + 1,
                       .row_begin = static_cast<double>(begin) / layout.rows,
                       .row_end = static_cast<double>(end) / layout.rows};
      const auto below = std::find_if(boxes.begin(), boxes.end(), [&](const KeyBox& other) {
        return other.frame_end == frame && other.row_begin == box.row_begin &&
               other.row_end == box.row_end;
      });
      if (below != boxes.end()) {
        below->frame_end = frame + 1;
      } else {
        boxes.push_back(box);
      }
    }
  }
  for (KeyBox& box : boxes) {
    if (box.frame_end == layout.frames) {
      box.frame_end = kAllFrames;
      box.frame_begin -= 2 * box.frame_begin < layout.frames ? 0 : layout.frames;
    }
  }
  return {boxes};
}

double overlap(const Blocks& a, const Blocks& b) {
  std::vector<std::int32_t> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return static_cast<double>(both.size()) / static_cast<double>(a.size() + b.size() - both.size());
}

}  // namespace

std::vector<VerticalStripe> stripe_candidates(std::span<const float> maps, std::int32_t heads,
                                              std::int32_t size, const TokenLayout& layout,
                                              const StripeOptions& options) {
  check_layout(layout);
  require(size >= 1 && heads >= 0 &&
              maps.size() == static_cast<std::size_t>(heads) * static_cast<std::size_t>(size) *
                                 static_cast<std::size_t>(size),
          ErrorCode::kUsage, "maps: ", maps.size(), " values are not ", heads, " heads of ", size,
          " x ", size);
  require(options.most >= 0, ErrorCode::kUsage, "most: ", options.most, " stripes");
  const double even = 1.0 / size;
  std::map<Blocks, double> found;  // -> mass over all heads
  for (std::int32_t head = 0; head < heads; ++head) {
    const std::size_t cells = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
    const std::vector<double> mass =
        wanted_mass(maps.subspan(static_cast<std::size_t>(head) * cells, cells), size);
    std::vector<std::int32_t> order(mass.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return mass[static_cast<std::size_t>(a)] > mass[static_cast<std::size_t>(b)];
    });
    for (const double share : options.shares) {
      const auto most = static_cast<std::size_t>(std::ceil(share * size));
      Blocks blocks;
      double sum = 0.0;
      for (std::size_t i = 0; i < std::min(most, order.size()); ++i) {
        const double of_block = mass[static_cast<std::size_t>(order[i])];
        if (of_block > even) {
          blocks.insert(order[i]);
          sum += of_block;
        }
      }
      if (!blocks.empty()) {
        found[blocks] += sum;
      }
    }
  }
  std::vector<std::pair<Blocks, double>> ranked(found.begin(), found.end());
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<Blocks> chosen;
  std::vector<VerticalStripe> stripes;
  for (const auto& candidate : ranked) {
    const Blocks& blocks = candidate.first;
    const bool new_one = std::none_of(chosen.begin(), chosen.end(), [&](const Blocks& other) {
      return overlap(blocks, other) >= kSame;
    });
    if (!new_one || static_cast<std::int32_t>(chosen.size()) >= options.most) {
      continue;
    }
    VerticalStripe stripe = boxes_of(blocks, size, layout);
    if (!stripe.boxes.empty()) {
      chosen.push_back(blocks);
      stripes.push_back(std::move(stripe));
    }
  }
  return stripes;
}

}  // namespace twill::search
