// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Plan + layout -> the tables that kernels read. Done once per (plan, layout); running allocates
// nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "twill/kernels/tile_list.h"
#include "twill/plan/plan.h"

namespace twill {

// Where a pattern leaves its order open: the one of these that gives the fewest list tiles at the
// layout, the first of equals. Tiles of 64 or 128 tokens, so that one fills a key tile or a query
// tile.
inline constexpr std::array<TokenOrder, 5> kDefaultOrders{{
    {.kind = OrderKind::kRaster},
    {.kind = OrderKind::kTimeFastest},
    {.kind = OrderKind::kTiles, .frames = 4, .rows = 4, .cols = 4},
    {.kind = OrderKind::kTiles, .frames = 2, .rows = 8, .cols = 8},
    {.kind = OrderKind::kTiles, .frames = 4, .rows = 4, .cols = 8},
}};

struct TileList {
  TokenOrder order;
  std::vector<kernels::KeyRun> runs;
  std::vector<std::int32_t> run_begin;  // [query_tiles + 1]
  std::shared_ptr<const std::vector<std::int32_t>>
      position_to_token;   // null: raster; shared by lists of one order
  std::int64_t tiles = 0;  // list tiles in all runs

  kernels::TileListView view() const;
};

// One pattern at one layout: for each query tile the key tiles that hold a key that any of its
// queries keeps. kDense, kSkip, kMean patterns need no list: tiles is 0, runs and run_begin are
// empty for them. Throws Error for a layout or a pattern that does not pass its check.
TileList compile_pattern(const Pattern& pattern, const TokenLayout& layout);

// What a kernel is told of a head with this pattern; `list`: index of the pattern's tile list, read
// where it has one. precision: of a head with keys; the others have none and are told bf16.
kernels::HeadTask task_of(const Pattern& pattern, std::int32_t list,
                          Precision precision = Precision::kBf16);

// How many of a layer's heads compute in INT8, and how many have keys.
std::int64_t int8_heads(std::span<const kernels::HeadTask> tasks);
std::int64_t heads_with_keys(std::span<const kernels::HeadTask> tasks);

// Cells (list tiles) of a pattern: dense counts query_tiles x key_tiles, skip and mean 0.
std::int64_t pattern_tiles(const Pattern& pattern, const TokenLayout& layout);
std::int64_t dense_tiles(const TokenLayout& layout);

class CompiledPlan {
 public:
  // Compiles every distinct (pattern, order) that a head uses once, on up to `threads` threads (0:
  // all). Throws Error for a layout or plan that does not pass its check. Copies share the tables.
  CompiledPlan(const Plan& plan, const TokenLayout& layout, int threads = 0);

  const TokenLayout& layout() const { return layout_; }
  const ModelShape& model() const { return model_; }
  std::int32_t segment_count() const { return static_cast<std::int32_t>(tasks_.size()); }
  // Tasks of one layer's heads, [heads of that stack]; lists() is what their indices point into.
  // All four throw Error for an index outside the plan or model. A dense segment's tasks are all
  // kDense.
  std::span<const kernels::HeadTask> tasks(std::int32_t segment, std::int32_t expert,
                                           std::int32_t stack, std::int32_t layer) const;
  std::span<const kernels::TileListView> lists() const { return views_; }
  // Every head of every expert is dense, because the segment says so or its patterns do.
  bool segment_is_dense(std::int32_t segment) const;
  std::size_t bytes() const;  // of all tables

  // Executed cells of one forward in a segment, over dense's.
  double density(std::int32_t segment, std::int32_t expert) const;

 private:
  const std::vector<kernels::HeadTask>& heads_at(std::int32_t segment, std::int32_t expert) const;

  TokenLayout layout_;
  ModelShape model_;
  std::shared_ptr<const std::vector<TileList>> storage_;
  std::vector<kernels::TileListView> views_;
  std::vector<std::vector<std::vector<kernels::HeadTask>>> tasks_;  // [segment][expert][head_index]
};

// Density of a whole run: mean over the forwards at `t` (each step's timestep over its training
// range, one per forward) with `expert_at[i]` its expert (empty: as experts_at() says for the plan,
// which throws where it cannot). Never quote without layout, scheduler, shift and steps.
double run_density(const CompiledPlan& compiled, const Plan& plan, const std::vector<double>& t,
                   const std::vector<std::int32_t>& expert_at = {});

}  // namespace twill
