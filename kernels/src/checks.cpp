// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "checks.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace twill::kernels {
namespace {

constexpr std::int32_t kMostHeadDim = 256;

Status check_runs(const TileListView& list, std::int32_t index, std::int32_t tokens) {
  const std::int32_t query_tiles = tile_count(tokens, kQueryTile);
  const std::int32_t key_tiles = tile_count(tokens, kKeyTile);
  if (list.run_begin.size() != static_cast<std::size_t>(query_tiles) + 1) {
    return refuse("list ", index, ": run_begin has ", list.run_begin.size(), " entries, ",
                  query_tiles + 1, " are needed for ", tokens, " tokens");
  }
  if (list.run_begin.front() != 0 ||
      static_cast<std::size_t>(list.run_begin.back()) != list.runs.size()) {
    return refuse("list ", index, ": run_begin does not span its ", list.runs.size(), " runs");
  }
  // All of run_begin before any run: it says which runs may be read.
  const auto falls = std::ranges::is_sorted_until(list.run_begin);
  if (falls != list.run_begin.end()) {
    return refuse("list ", index, ": run_begin falls to ", *falls, " at query tile ",
                  falls - list.run_begin.begin());
  }
  for (std::int32_t tile = 0; tile < query_tiles; ++tile) {
    std::int32_t end = -1;  // runs that touch are one run
    for (std::int32_t i = list.run_begin[tile]; i < list.run_begin[tile + 1]; ++i) {
      const KeyRun& run = list.runs[i];
      if (run.first <= end || run.count < 1 || run.count > key_tiles - run.first) {
        return refuse("list ", index, ": run ", i, " (", run.first, ", ", run.count,
                      ") is out of order or outside the ", key_tiles, " key tiles");
      }
      end = run.first + run.count;
    }
  }
  return {};
}

Status check_positions(const TileListView& list, std::int32_t index, std::int32_t tokens) {
  if (list.position_to_token.empty()) {
    return {};
  }
  if (list.position_to_token.size() != static_cast<std::size_t>(tokens)) {
    return refuse("list ", index, ": ", list.position_to_token.size(), " positions for ", tokens,
                  " tokens");
  }
  for (const std::int32_t token : list.position_to_token) {
    if (token < 0 || token >= tokens) {
      return refuse("list ", index, ": position names token ", token, " of ", tokens);
    }
  }
  return {};
}

}  // namespace

Status check_shape(const AttentionTensors& shape) {
  if (shape.batch < 1 || shape.heads < 1 || shape.tokens < 1) {
    return refuse("batch ", shape.batch, ", heads ", shape.heads, ", tokens ", shape.tokens,
                  ": each must be at least 1");
  }
  if (shape.head_dim < 16 || shape.head_dim > kMostHeadDim || shape.head_dim % 16 != 0) {
    return refuse("head_dim ", shape.head_dim, " is not a multiple of 16 up to ", kMostHeadDim);
  }
  if (!std::isfinite(shape.scale)) {
    return refuse("scale ", shape.scale, " is not finite");
  }
  return {};
}

Status check_tasks(std::span<const HeadTask> tasks, std::span<const TileListView> lists,
                   std::int32_t tokens) {
  std::vector<bool> seen(lists.size(), false);
  for (const HeadTask& task : tasks) {
    if (task.mode != HeadMode::kSparse) {
      continue;
    }
    if (task.list < 0 || static_cast<std::size_t>(task.list) >= lists.size()) {
      return refuse("a task names list ", task.list, " of ", lists.size());
    }
    if (seen[task.list]) {
      continue;
    }
    seen[task.list] = true;
    if (Status status = check_runs(lists[task.list], task.list, tokens); !status) {
      return status;
    }
    if (Status status = check_positions(lists[task.list], task.list, tokens); !status) {
      return status;
    }
  }
  return {};
}

}  // namespace twill::kernels
