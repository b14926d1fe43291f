// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/compile.h"

#include <bit>
#include <limits>
#include <optional>

#include "compile_pattern.h"
#include "key_regions.h"
#include "twill/plan/error.h"

namespace twill {
namespace {

// Appends the runs of ones; returns how many tiles they hold.
std::int64_t append_runs(const TileSet& tiles, std::vector<kernels::KeyRun>& runs) {
  std::int64_t total = 0;
  std::int32_t open = -1;  // where the run that reaches into this word began
  const std::vector<std::uint64_t>& words = tiles.words();
  const auto close = [&](std::int32_t end) {
    runs.push_back({.first = open, .count = end - open});
    total += end - open;
    open = -1;
  };
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto base = static_cast<std::int32_t>(i * 64);
    std::int32_t bit = 0;
    while (bit < 64) {
      const std::uint64_t rest = words[i] >> bit;
      if (open < 0) {
        if (rest == 0) {
          break;
        }
        bit += std::countr_zero(rest);
        open = base + bit;
      } else {
        // Ones are shifted out from the right, zeros in from the left, so the count never passes
        // the word's end.
        bit += std::countr_one(rest);
        if (bit < 64) {
          close(base + bit);
        }
      }
    }
  }
  if (open >= 0) {
    close(static_cast<std::int32_t>(words.size() * 64));
  }
  return total;
}

// Empty when the list holds more than `most` tiles.
std::optional<TileList> compile_in_order(const KeyRegions& regions, const OrderGeometry& geometry,
                                         std::int64_t most) {
  TileList list{.order = geometry.order()};
  const std::int32_t key_tiles = geometry.key_tiles();
  TileSet always(key_tiles);
  geometry.add_text_tiles(always);
  regions.add_fixed(geometry, always);
  TileSet kept = always;
  list.run_begin.reserve(geometry.query_tiles() + 1);
  list.run_begin.push_back(0);
  for (std::int32_t query_tile = 0; query_tile < geometry.query_tiles(); ++query_tile) {
    if (geometry.keeps_all(query_tile)) {
      list.runs.push_back({.first = 0, .count = key_tiles});
      list.tiles += key_tiles;
    } else {
      kept.words() = always.words();
      regions.add_moving(geometry.boxes(query_tile), geometry, kept);
      list.tiles += append_runs(kept, list.runs);
    }
    if (list.tiles > most) {
      return std::nullopt;
    }
    list.run_begin.push_back(static_cast<std::int32_t>(list.runs.size()));
  }
  list.runs.shrink_to_fit();
  return list;
}

TileList compile_checked(const Pattern& pattern, const TokenLayout& layout) {
  std::vector<OrderGeometry> orders;
  for (const TokenOrder& order : orders_of(pattern)) {
    orders.emplace_back(order, layout);
  }
  std::vector<const OrderGeometry*> geometries;
  for (const OrderGeometry& order : orders) {
    geometries.push_back(&order);
  }
  return compile_best(pattern, layout, geometries);
}

}  // namespace

kernels::TileListView TileList::view() const {
  return {.runs = runs,
          .run_begin = run_begin,
          .position_to_token = position_to_token ? std::span<const std::int32_t>(*position_to_token)
                                                 : std::span<const std::int32_t>()};
}

bool needs_list(const Pattern& pattern) {
  return pattern.kind != PatternKind::kDense && pattern.kind != PatternKind::kSkip &&
         pattern.kind != PatternKind::kMean;
}

std::span<const TokenOrder> orders_of(const Pattern& pattern) {
  return pattern.order ? std::span(&*pattern.order, 1)
                       : std::span<const TokenOrder>(kDefaultOrders);
}

TileList compile_best(const Pattern& pattern, const TokenLayout& layout,
                      std::span<const OrderGeometry* const> geometries) {
  const KeyRegions regions(pattern, layout);
  std::optional<TileList> best;
  for (const OrderGeometry* geometry : geometries) {
    std::optional<TileList> list = compile_in_order(
        regions, *geometry, best ? best->tiles - 1 : std::numeric_limits<std::int64_t>::max());
    if (list) {
      best = std::move(list);
    }
  }
  TWILL_ASSERT(best.has_value());
  return std::move(*best);
}

TileList compile_pattern(const Pattern& pattern, const TokenLayout& layout) {
  check_layout(layout);
  check_pattern(pattern, "pattern");
  if (!needs_list(pattern)) {
    return {};
  }
  TileList list = compile_checked(pattern, layout);
  if (list.order.kind != OrderKind::kRaster) {
    list.position_to_token =
        std::make_shared<const std::vector<std::int32_t>>(position_to_token(list.order, layout));
  }
  return list;
}

std::int64_t pattern_tiles(const Pattern& pattern, const TokenLayout& layout) {
  check_layout(layout);
  check_pattern(pattern, "pattern");
  if (pattern.kind == PatternKind::kDense) {
    return dense_tiles(layout);
  }
  return needs_list(pattern) ? compile_checked(pattern, layout).tiles : 0;
}

std::int64_t dense_tiles(const TokenLayout& layout) {
  check_layout(layout);
  return std::int64_t{kernels::tile_count(layout.tokens(), kernels::kQueryTile)} *
         kernels::tile_count(layout.tokens(), kernels::kKeyTile);
}

}  // namespace twill
