// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "../checks.h"
#include "../elements.h"
#include "pack_tile.h"
#include "thread_pool.h"
#include "tile_ops.h"

namespace twill::kernels {
namespace {

// Packed heads are kept to about this much at a time; at least one head is packed.
constexpr std::int64_t kPackedBytes = std::int64_t{512} << 20;

class CpuAttention {
 public:
  explicit CpuAttention(const AttentionParams& params)
      : p_(params),
        ops_(tile_ops()),
        query_tiles_(tile_count(params.tokens, kQueryTile)),
        key_tiles_(tile_count(params.tokens, kKeyTile)),
        tile_floats_(std::int64_t{kKeyTile} * params.head_dim),
        all_tiles_{{.first = 0, .count = key_tiles_}} {}

  void run() {
    for (std::int32_t batch = 0; batch < p_.batch; ++batch) {
      std::vector<std::int32_t> attending;
      std::vector<std::int32_t> constant;  // skip and mean: the same row for every query
      for (std::int32_t head = 0; head < p_.heads; ++head) {
        const HeadMode mode = p_.tasks[head].mode;
        const bool attends = mode == HeadMode::kDense || mode == HeadMode::kSparse;
        (attends ? attending : constant).push_back(head);
      }
      parallel_for(std::ssize(constant), p_.threads,
                   [&](std::int64_t i, std::int32_t) { write_constant_head(batch, constant[i]); });
      const std::int64_t head_bytes =
          2 * key_tiles_ * tile_floats_ * static_cast<std::int64_t>(sizeof(float));
      const std::int64_t group = std::max<std::int64_t>(1, kPackedBytes / head_bytes);
      for (std::int64_t first = 0; first < std::ssize(attending); first += group) {
        const std::int64_t count = std::min(group, std::ssize(attending) - first);
        attend(batch, std::span(attending).subspan(first, count));
      }
    }
  }

 private:
  HeadRows rows_of(const void* base, const Strides& strides, std::int32_t batch,
                   std::int32_t head) const {
    return {element_at(base, batch * strides.batch + head * strides.head, p_.dtype), strides.token};
  }
  void* out_row(std::int32_t batch, std::int32_t head, std::int64_t token) const {
    const Strides& s = p_.out_strides;
    return element_at(p_.out, batch * s.batch + head * s.head + token * s.token, p_.dtype);
  }
  const std::int32_t* order_of(const HeadTask& task) const {
    if (task.mode != HeadMode::kSparse || p_.lists[task.list].position_to_token.empty()) {
      return nullptr;
    }
    return p_.lists[task.list].position_to_token.data();
  }
  std::span<const KeyRun> runs_of(const HeadTask& task, std::int32_t query_tile) const {
    if (task.mode == HeadMode::kDense) {
      return all_tiles_;
    }
    const TileListView& list = p_.lists[task.list];
    const std::int32_t begin = list.run_begin[query_tile];
    return list.runs.subspan(begin, list.run_begin[query_tile + 1] - begin);
  }

  void write_constant_head(std::int32_t batch, std::int32_t head) const {
    std::vector<float> row(p_.head_dim, 0.0f);
    if (p_.tasks[head].mode == HeadMode::kMean) {
      const HeadRows values = rows_of(p_.v, p_.v_strides, batch, head);
      std::vector<double> sum(p_.head_dim, 0.0);
      std::vector<float> rows(tile_floats_);
      for (std::int32_t first = 0; first < p_.tokens; first += kKeyTile) {
        const std::int32_t count = std::min(kKeyTile, p_.tokens - first);
        ops_.gather_rows({.base = values.base,
                          .token_stride = values.token_stride,
                          .dtype = p_.dtype,
                          .first = first,
                          .count = count},
                         p_.head_dim, 1.0f, rows.data());
        for (std::int32_t i = 0; i < count * p_.head_dim; ++i) {
          sum[i % p_.head_dim] += static_cast<double>(rows[i]);
        }
      }
      for (std::int32_t channel = 0; channel < p_.head_dim; ++channel) {
        row[channel] = static_cast<float>(sum[channel] / p_.tokens);
      }
    }
    for (std::int32_t token = 0; token < p_.tokens; ++token) {
      ops_.store_row(row.data(), p_.head_dim, 1.0f, p_.dtype, out_row(batch, head, token));
    }
  }

  struct Workspace {
    explicit Workspace(std::int32_t head_dim)
        : queries(make_buffer(std::int64_t{kQueryTile} * head_dim)),
          scores(make_buffer(std::int64_t{kQueryTile} * kKeyTile)),
          out(make_buffer(std::int64_t{kQueryTile} * head_dim)) {}
    FloatBuffer queries;
    FloatBuffer scores;
    FloatBuffer out;
    float maximum[kQueryTile];
    float sum[kQueryTile];
  };

  void attend(std::int32_t batch, std::span<const std::int32_t> heads) {
    const std::int64_t packed_floats = std::ssize(heads) * key_tiles_ * tile_floats_;
    const FloatBuffer keys = make_buffer(packed_floats);
    const FloatBuffer values = make_buffer(packed_floats);
    std::vector<Workspace> workspaces;
    for (std::int32_t i = 0; i < threads_for(p_.threads); ++i) {
      workspaces.emplace_back(p_.head_dim);
    }
    parallel_for(std::ssize(heads) * key_tiles_, p_.threads,
                 [&](std::int64_t item, std::int32_t worker) {
                   const std::int32_t head = heads[item / key_tiles_];
                   pack_tile(ops_, rows_of(p_.k, p_.k_strides, batch, head),
                             rows_of(p_.v, p_.v_strides, batch, head), p_.dtype,
                             order_of(p_.tasks[head]), static_cast<std::int32_t>(item % key_tiles_),
                             p_.tokens, p_.head_dim, workspaces[worker].queries.get(),
                             keys.get() + item * tile_floats_, values.get() + item * tile_floats_);
                 });
    parallel_for(std::ssize(heads) * query_tiles_, p_.threads,
                 [&](std::int64_t item, std::int32_t worker) {
                   const std::int64_t index = item / query_tiles_;
                   const std::int64_t offset = index * key_tiles_ * tile_floats_;
                   attend_tile(batch, heads[index], static_cast<std::int32_t>(item % query_tiles_),
                               keys.get() + offset, values.get() + offset, workspaces[worker]);
                 });
  }

  // All queries of one list tile; key tiles are taken in the order of the runs, so that the bits do
  // not depend on who computes what.
  void attend_tile(std::int32_t batch, std::int32_t head, std::int32_t query_tile,
                   const float* keys, const float* values, Workspace& work) const {
    const HeadTask& task = p_.tasks[head];
    const std::int32_t first = query_tile * kQueryTile;
    const std::int32_t count = std::min(kQueryTile, p_.tokens - first);
    const std::int32_t* order = order_of(task);
    const HeadRows rows = rows_of(p_.q, p_.q_strides, batch, head);
    ops_.gather_rows({.base = rows.base,
                      .token_stride = rows.token_stride,
                      .dtype = p_.dtype,
                      .tokens = order != nullptr ? order + first : nullptr,
                      .first = first,
                      .count = count},
                     p_.head_dim, p_.scale * std::numbers::log2e_v<float>, work.queries.get());
    std::fill_n(work.out.get(), count * p_.head_dim, 0.0f);
    std::fill_n(work.maximum, count, -std::numeric_limits<float>::infinity());
    std::fill_n(work.sum, count, 0.0f);
    for (const KeyRun& run : runs_of(task, query_tile)) {
      for (std::int32_t tile = run.first; tile < run.first + run.count; ++tile) {
        const std::int32_t in_tile = std::min(kKeyTile, p_.tokens - tile * kKeyTile);
        ops_.scores(work.queries.get(), count, keys + tile * tile_floats_, p_.head_dim,
                    work.scores.get());
        ops_.softmax_step(work.scores.get(), count, in_tile, p_.head_dim, work.maximum, work.sum,
                          work.out.get());
        ops_.add_values(work.scores.get(), count, values + tile * tile_floats_, p_.head_dim,
                        work.out.get());
      }
    }
    for (std::int32_t i = 0; i < count; ++i) {
      const std::int64_t token = order != nullptr ? order[first + i] : first + i;
      // A query without keys gives 0, as a skipped head does.
      const float factor = work.sum[i] == 0.0f ? 0.0f : 1.0f / work.sum[i];
      ops_.store_row(work.out.get() + static_cast<std::int64_t>(i) * p_.head_dim, p_.head_dim,
                     factor, p_.dtype, out_row(batch, head, token));
    }
  }

  const AttentionParams& p_;
  const TileOps& ops_;
  std::int32_t query_tiles_;
  std::int32_t key_tiles_;
  std::int64_t tile_floats_;
  KeyRun all_tiles_[1];
};

}  // namespace

Status can_run_attention_cpu(const AttentionParams& p) {
  if (p.q == nullptr || p.k == nullptr || p.v == nullptr || p.out == nullptr) {
    return refuse("q, k, v or out is null");
  }
  if (Status status = check_shape({p.batch, p.heads, p.tokens, p.head_dim, p.scale}); !status) {
    return status;
  }
  if (p.tasks.size() != static_cast<std::size_t>(p.heads)) {
    return refuse(p.tasks.size(), " tasks for ", p.heads, " heads");
  }
  return check_tasks(p.tasks, p.lists, p.tokens);
}

Status run_attention_cpu(const AttentionParams& params) {
  if (Status status = can_run_attention_cpu(params); !status) {
    return status;
  }
  return run_guarded([&] { CpuAttention(params).run(); });
}

}  // namespace twill::kernels
