// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "../base2_factor.h"
#include "../checks.h"
#include "../elements.h"
#include "thread_pool.h"
#include "tile_ops.h"
#include "tile_rows.h"
#include "twill/kernels/profiling.h"

namespace twill::kernels {
namespace {

// Candidates whose lists share a token order: their key tiles are the same, so each tile's part of
// the softmax is computed once for all of them.
struct OrderGroup {
  std::span<const std::int32_t> order;       // position -> token; empty: raster
  std::vector<std::int32_t> row_query_tile;  // [rows]
  std::vector<std::int32_t> candidates;
};

std::vector<OrderGroup> group_by_order(const HeadErrorParams& p) {
  std::vector<OrderGroup> groups(1);  // raster first: the dense row comes from it
  for (std::int32_t c = 0; c < std::ssize(p.candidates); ++c) {
    const HeadTask& task = p.candidates[c];
    if (task.mode != HeadMode::kSparse) {
      continue;
    }
    const TileListView& list = p.lists[task.list];
    const std::span<const std::int32_t> order = list.position_to_token;
    // By content: lists of one order need not share its memory.
    auto group = std::ranges::find_if(groups, [&](const OrderGroup& other) {
      return other.order.data() == order.data() || std::ranges::equal(other.order, order);
    });
    if (group == groups.end()) {
      group = groups.insert(groups.end(), {.order = order});
    }
    group->candidates.push_back(c);
  }
  for (OrderGroup& group : groups) {
    std::vector<std::int32_t> position(p.tensors.tokens);
    for (std::int32_t i = 0; i < p.tensors.tokens; ++i) {
      position[group.order.empty() ? i : group.order[i]] = i;
    }
    for (const std::int32_t row : p.rows) {
      group.row_query_tile.push_back(position[row] / kQueryTile);
    }
  }
  return groups;
}

// What each key tile adds to the softmax of each row: maximum score (base 2), sum of weights and
// weighted values, both relative to that maximum.
//
// Tiles are joined with weights relative to the row's maximum over all of them, made once for all
// candidates. In double they hold down to scores 2^-1000 of the largest; a row whose tiles all lie
// below that, which no bf16 or fp32 attention could tell from 0, is joined relative to its own.
class TileParts {
 public:
  TileParts(const TileOps& ops, std::int32_t tiles, std::int32_t rows, std::int32_t head_dim)
      : ops_(ops),
        tiles_(tiles),
        rows_(rows),
        head_dim_(head_dim),
        maximum_(static_cast<std::size_t>(tiles) * rows),
        sum_(maximum_.size()),
        weight_(maximum_.size()),
        values_(make_buffer(std::int64_t{tiles} * rows * head_dim)) {}

  float* maximum(std::int32_t tile) { return maximum_.data() + std::int64_t{tile} * rows_; }
  float* sum(std::int32_t tile) { return sum_.data() + std::int64_t{tile} * rows_; }
  float* values(std::int32_t tile) {
    return values_.get() + std::int64_t{tile} * rows_ * head_dim_;
  }

  // After all tiles are written, before the first join.
  void weigh() {
    for (std::int32_t row = 0; row < rows_; ++row) {
      float most = -std::numeric_limits<float>::infinity();
      for (std::int32_t tile = 0; tile < tiles_; ++tile) {
        most = std::max(most, maximum(tile)[row]);
      }
      for (std::int32_t tile = 0; tile < tiles_; ++tile) {
        weight_[index(tile, row)] = std::exp2(static_cast<double>(maximum(tile)[row] - most));
      }
    }
  }

  // The attention row over the tiles of `runs`; 0 without any.
  void join(std::span<const KeyRun> runs, std::int32_t row, std::vector<double>& out) {
    double total =
        add_tiles(runs, row, out, [&](std::int32_t tile) { return weight_[index(tile, row)]; });
    if (!(total > kLeastTotal)) {
      float most = -std::numeric_limits<float>::infinity();
      for_each_tile(runs, [&](std::int32_t tile) { most = std::max(most, maximum(tile)[row]); });
      total = add_tiles(runs, row, out, [&](std::int32_t tile) {
        return std::exp2(static_cast<double>(maximum(tile)[row] - most));
      });
    }
    if (total > 0.0) {
      for (double& value : out) {
        value /= total;
      }
    }
  }

 private:
  static constexpr double kLeastTotal = 0x1p-1000;

  std::size_t index(std::int32_t tile, std::int32_t row) const {
    return static_cast<std::size_t>(tile) * rows_ + row;
  }

  template <typename Weight>
  double add_tiles(std::span<const KeyRun> runs, std::int32_t row, std::vector<double>& out,
                   const Weight& weight_of) {
    std::ranges::fill(out, 0.0);
    double total = 0.0;
    for_each_tile(runs, [&](std::int32_t tile) {
      const double weight = weight_of(tile);
      total += weight * static_cast<double>(sum(tile)[row]);
      ops_.add_scaled(values(tile) + std::int64_t{row} * head_dim_, head_dim_, weight, out.data());
    });
    return total;
  }

  template <typename Call>
  static void for_each_tile(std::span<const KeyRun> runs, const Call& call) {
    for (const KeyRun& run : runs) {
      for (std::int32_t tile = run.first; tile < run.first + run.count; ++tile) {
        call(tile);
      }
    }
  }

  const TileOps& ops_;
  std::int32_t tiles_;
  std::int32_t rows_;
  std::int32_t head_dim_;
  std::vector<float> maximum_;
  std::vector<float> sum_;
  std::vector<double> weight_;  // of a tile's values and sum in its row
  FloatBuffer values_;
};

class HeadErrors {
 public:
  explicit HeadErrors(const HeadErrorParams& params)
      : p_(params),
        in_(params.tensors),
        ops_(tile_ops(Dtype::kF32)),  // errors of a pattern, not of bf16
        rows_(static_cast<std::int32_t>(params.rows.size())),
        key_tiles_(tile_count(params.tensors.tokens, kKeyTile)),
        groups_(group_by_order(params)) {}

  void run() {
    parallel_for(std::int64_t{in_.batch} * in_.heads,
                 {.count = p_.threads, .executor = p_.executor},
                 [&](std::int64_t item, std::int32_t) {
                   measure(static_cast<std::int32_t>(item / in_.heads),
                           static_cast<std::int32_t>(item % in_.heads));
                 });
  }

 private:
  RowSource rows_of(const void* base, const Strides& strides, std::int32_t batch,
                    std::int32_t head) const {
    return head_rows(base, strides, in_.dtype, batch, head, in_.tokens);
  }

  void measure(std::int32_t batch, std::int32_t head) const {
    const std::int64_t index = std::int64_t{batch} * in_.heads + head;
    double* error = p_.error + index * std::ssize(p_.candidates);
    const FloatBuffer queries = make_buffer(std::int64_t{rows_} * in_.head_dim);
    RowSource query_rows = rows_of(in_.q, in_.q_strides, batch, head);
    query_rows.tokens = p_.rows.data();
    query_rows.count = rows_;
    ops_.pack_queries(query_rows, in_.head_dim, in_.scale < 0.0f, queries.get());
    TileParts parts(ops_, key_tiles_, rows_, in_.head_dim);
    const KeyRun all{.first = 0, .count = key_tiles_};
    std::vector<double> dense(static_cast<std::size_t>(rows_) * in_.head_dim);
    std::vector<double> row_values(in_.head_dim);
    for (const OrderGroup& group : groups_) {
      compute_parts(batch, head, group, queries.get(), parts);
      if (group.order.empty()) {
        for (std::int32_t row = 0; row < rows_; ++row) {
          parts.join({&all, 1}, row, row_values);
          std::ranges::copy(row_values, dense.begin() + std::int64_t{row} * in_.head_dim);
        }
      }
      for (const std::int32_t c : group.candidates) {
        const TileListView& list = p_.lists[p_.candidates[c].list];
        error[c] = 0.0;
        for (std::int32_t row = 0; row < rows_; ++row) {
          const std::int32_t tile = group.row_query_tile[row];
          const std::int32_t begin = list.run_begin[tile];
          parts.join(list.runs.subspan(begin, list.run_begin[tile + 1] - begin), row, row_values);
          error[c] += squared_distance(row_values, dense, row);
        }
      }
    }
    p_.norm[index] = 0.0;
    const std::vector<double> zeros(in_.head_dim, 0.0);
    for (std::int32_t row = 0; row < rows_; ++row) {
      p_.norm[index] += squared_distance(zeros, dense, row);
    }
    write_constant_errors(batch, head, dense, error);
  }

  void write_constant_errors(std::int32_t batch, std::int32_t head,
                             const std::vector<double>& dense, double* error) const {
    std::optional<std::vector<double>> mean;
    const std::vector<double> zeros(in_.head_dim, 0.0);
    for (std::int32_t c = 0; c < std::ssize(p_.candidates); ++c) {
      const HeadMode mode = p_.candidates[c].mode;
      if (mode == HeadMode::kSparse) {
        continue;
      }
      error[c] = 0.0;
      if (mode == HeadMode::kDense) {
        continue;
      }
      if (mode == HeadMode::kMean && !mean) {
        mean = mean_value(batch, head);
      }
      for (std::int32_t row = 0; row < rows_; ++row) {
        error[c] += squared_distance(mode == HeadMode::kMean ? *mean : zeros, dense, row);
      }
    }
  }

  std::vector<double> mean_value(std::int32_t batch, std::int32_t head) const {
    std::vector<double> mean(in_.head_dim, 0.0);
    ops_.add_rows(rows_of(in_.v, in_.v_strides, batch, head), in_.head_dim, mean.data());
    for (double& value : mean) {
      value /= in_.tokens;
    }
    return mean;
  }

  void compute_parts(std::int32_t batch, std::int32_t head, const OrderGroup& group,
                     const float* queries, TileParts& parts) const {
    const FloatBuffer keys = make_buffer(tile_words(ops_, in_.head_dim));
    const FloatBuffer values = make_buffer(tile_words(ops_, in_.head_dim));
    for (std::int32_t tile = 0; tile < key_tiles_; ++tile) {
      const auto rows = [&](const void* base, const Strides& strides) {
        return tile_rows(rows_of(base, strides, batch, head),
                         group.order.empty() ? nullptr : group.order.data(), tile, kKeyTile);
      };
      ops_.pack_keys(rows(in_.k, in_.k_strides), in_.head_dim, keys.get());
      ops_.pack_values(rows(in_.v, in_.v_strides), in_.head_dim, values.get());
      std::fill_n(parts.maximum(tile), rows_, -std::numeric_limits<float>::infinity());
      std::fill_n(parts.sum(tile), rows_, 0.0f);
      std::fill_n(parts.values(tile), std::int64_t{rows_} * in_.head_dim, 0.0f);
      ops_.step({.queries = queries,
                 .count = rows_,
                 .keys = keys.get(),
                 .values = values.get(),
                 .keys_in_tile = std::min(kKeyTile, in_.tokens - tile * kKeyTile),
                 .head_dim = in_.head_dim,
                 .factor = base2_factor(in_.scale),
                 .maximum = parts.maximum(tile),
                 .sum = parts.sum(tile),
                 .out = parts.values(tile)});
    }
    parts.weigh();
  }

  double squared_distance(const std::vector<double>& row_values, const std::vector<double>& dense,
                          std::int32_t row) const {
    const double* exact = dense.data() + std::int64_t{row} * in_.head_dim;
    double sum = 0.0;
    for (std::int32_t channel = 0; channel < in_.head_dim; ++channel) {
      const double difference = row_values[channel] - exact[channel];
      sum += difference * difference;
    }
    return sum;
  }

  const HeadErrorParams& p_;
  const AttentionTensors& in_;
  const TileOps& ops_;
  std::int32_t rows_;
  std::int32_t key_tiles_;
  std::vector<OrderGroup> groups_;
};

}  // namespace

Status sampled_head_errors_cpu(const HeadErrorParams& p) {
  const AttentionTensors& in = p.tensors;
  if (in.q == nullptr || in.k == nullptr || in.v == nullptr || p.error == nullptr ||
      p.norm == nullptr) {
    return refuse("q, k, v, error or norm is null");
  }
  if (Status status = check_shape(in); !status) {
    return status;
  }
  if (p.rows.empty()) {
    return refuse("no query rows");
  }
  for (const std::int32_t row : p.rows) {
    if (row < 0 || row >= in.tokens) {
      return refuse("row ", row, " is not one of the ", in.tokens, " tokens");
    }
  }
  if (Status status = check_tasks(p.candidates, p.lists, in.tokens); !status) {
    return status;
  }
  return run_guarded([&] { HeadErrors(p).run(); });
}

}  // namespace twill::kernels
