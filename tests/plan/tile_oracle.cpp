// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan/tile_oracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

namespace twill::test {
namespace {

constexpr std::int32_t kQueries = 128, kKeys = 64;

std::size_t tiles_for(std::int32_t tokens, std::int32_t tile) {
  return static_cast<std::size_t>((tokens + tile - 1) / tile);
}

TileMatrix empty_matrix(const TokenLayout& layout) {
  return TileMatrix(tiles_for(layout.tokens(), kQueries),
                    std::vector<bool>(tiles_for(layout.tokens(), kKeys)));
}

}  // namespace

std::vector<std::int32_t> order_by_sorting(const TokenOrder& order, const TokenLayout& layout) {
  std::vector<std::int32_t> tokens(layout.tokens());
  for (std::int32_t i = 0; i < layout.tokens(); ++i) {
    tokens[i] = i;
  }
  const auto place = [&](std::int32_t token) {
    const std::int32_t grid = token - layout.prefix;
    const std::int32_t f = grid / (layout.rows * layout.cols);
    const std::int32_t r = grid / layout.cols % layout.rows, c = grid % layout.cols;
    switch (order.kind) {
      case OrderKind::kTimeFastest:
        return std::tuple(r, c, f, 0, 0, 0);
      case OrderKind::kTiles:
        return std::tuple(f / order.frames, r / order.rows, c / order.cols, f, r, c);
      default:
        return std::tuple(f, r, c, 0, 0, 0);
    }
  };
  std::sort(tokens.begin() + layout.prefix, tokens.end() - layout.suffix,
            [&](std::int32_t a, std::int32_t b) { return place(a) < place(b); });
  return tokens;
}

std::vector<std::vector<bool>> pairs_kept(const Pattern& pattern, const TokenLayout& layout) {
  std::vector<std::vector<bool>> pairs(layout.tokens(), std::vector<bool>(layout.tokens()));
  for (std::int32_t query = 0; query < layout.tokens(); ++query) {
    for (std::int32_t key = 0; key < layout.tokens(); ++key) {
      pairs[query][key] = keeps(pattern, layout, query, key);
    }
  }
  return pairs;
}

TileMatrix tiles_by_pairs(const std::vector<std::vector<bool>>& pairs, const TokenLayout& layout,
                          const TokenOrder& order) {
  const std::vector<std::int32_t> tokens = order_by_sorting(order, layout);
  TileMatrix tiles = empty_matrix(layout);
  for (std::size_t query = 0; query < tokens.size(); ++query) {
    for (std::size_t key = 0; key < tokens.size(); ++key) {
      if (pairs[tokens[query]][tokens[key]]) {
        tiles[query / kQueries][key / kKeys] = true;
      }
    }
  }
  return tiles;
}

TileMatrix tiles_of_list(const TileList& list, const TokenLayout& layout) {
  TileMatrix tiles = empty_matrix(layout);
  EXPECT_EQ(list.run_begin.size(), tiles.size() + 1);
  EXPECT_EQ(list.run_begin.front(), 0);
  EXPECT_EQ(list.run_begin.back(), static_cast<std::int32_t>(list.runs.size()));
  for (std::size_t row = 0; row < tiles.size(); ++row) {
    std::int32_t end_before = -1;
    for (std::int32_t i = list.run_begin[row]; i < list.run_begin[row + 1]; ++i) {
      const kernels::KeyRun run = list.runs[i];
      EXPECT_GT(run.first, end_before) << "runs overlap, touch or are not sorted";
      EXPECT_GT(run.count, 0);
      end_before = run.first + run.count;
      EXPECT_LE(end_before, static_cast<std::int32_t>(tiles[row].size()));
      for (std::int32_t key = run.first; key < end_before; ++key) {
        tiles[row][key] = true;
      }
    }
  }
  return tiles;
}

std::int64_t count(const TileMatrix& tiles) {
  std::int64_t total = 0;
  for (const auto& row : tiles) {
    total += std::count(row.begin(), row.end(), true);
  }
  return total;
}

std::string picture(const TileMatrix& tiles) {
  std::string text;
  for (const auto& row : tiles) {
    for (const bool kept : row) {
      text += kept ? '#' : '.';
    }
    text += '\n';
  }
  return text;
}

}  // namespace twill::test
