// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "../base2_factor.h"
#include "../checks.h"
#include "../elements.h"
#include "thread_pool.h"
#include "tile_ops.h"
#include "tile_rows.h"

namespace twill::kernels {
namespace {

// Packed heads are kept to about this much at a time; at least one head is packed.
constexpr std::int64_t kPackedBytes = std::int64_t{64} << 20;

class CpuAttention {
 public:
  explicit CpuAttention(const AttentionParams& params)
      : p_(params),
        in_(params.tensors),
        threads_{.count = params.threads, .executor = params.executor},
        ops_(tile_ops(params.tensors.dtype)),
        query_tiles_(tile_count(params.tensors.tokens, kQueryTile)),
        key_tiles_(tile_count(params.tensors.tokens, kKeyTile)),
        tile_words_(tile_words(ops_, params.tensors.head_dim)),
        all_tiles_{{.first = 0, .count = key_tiles_}} {}

  void run() {
    for (std::int32_t batch = 0; batch < in_.batch; ++batch) {
      std::vector<std::int32_t> attending;
      std::vector<std::int32_t> constant;  // skip and mean: the same row for every query
      for (std::int32_t head = 0; head < in_.heads; ++head) {
        const HeadMode mode = p_.tasks[head].mode;
        const bool attends = mode == HeadMode::kDense || mode == HeadMode::kSparse;
        (attends ? attending : constant).push_back(head);
      }
      parallel_for(std::ssize(constant), threads_,
                   [&](std::int64_t i, std::int32_t) { write_constant_head(batch, constant[i]); });
      const std::int64_t group = heads_packed_at_once();
      for (std::int64_t first = 0; first < std::ssize(attending); first += group) {
        const std::int64_t count = std::min(group, std::ssize(attending) - first);
        attend(batch, std::span(attending).subspan(first, count));
      }
    }
  }

 private:
  // Also no more than what k and v of the call take, which packing to fp32 can double.
  std::int64_t heads_packed_at_once() const {
    const std::int64_t head_bytes =
        2 * key_tiles_ * tile_words_ * static_cast<std::int64_t>(sizeof(float));
    const std::int64_t call_bytes =
        2 * element_bytes(in_.dtype) * in_.head_dim * in_.tokens * in_.heads * in_.batch;
    return std::max<std::int64_t>(1, std::min(kPackedBytes, call_bytes) / head_bytes);
  }

  void* out_row(std::int32_t batch, std::int32_t head, std::int64_t token) const {
    const Strides& s = p_.out_strides;
    return element_at(p_.out, batch * s.batch + head * s.head + token * s.token, in_.dtype);
  }
  RowSource rows_of(const void* base, const Strides& strides, std::int32_t batch,
                    std::int32_t head) const {
    return head_rows(base, strides, in_.dtype, batch, head, in_.tokens);
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
    std::vector<float> row(in_.head_dim, 0.0f);
    if (p_.tasks[head].mode == HeadMode::kMean) {
      std::vector<double> sum(in_.head_dim, 0.0);
      ops_.add_rows(rows_of(in_.v, in_.v_strides, batch, head), in_.head_dim, sum.data());
      for (std::int32_t channel = 0; channel < in_.head_dim; ++channel) {
        row[channel] = static_cast<float>(sum[channel] / in_.tokens);
      }
    }
    for (std::int32_t token = 0; token < in_.tokens; ++token) {
      ops_.store_row(row.data(), in_.head_dim, 1.0f, in_.dtype, out_row(batch, head, token));
    }
  }

  struct Workspace {
    explicit Workspace(std::int32_t head_dim)
        : queries(make_buffer(std::int64_t{kQueryTile} * head_dim)),
          out(make_buffer(std::int64_t{kQueryTile} * head_dim)) {}
    FloatBuffer queries;
    FloatBuffer out;
    float maximum[kQueryTile];
    float sum[kQueryTile];
  };

  // One query tile of one of the packed heads.
  struct Item {
    std::int32_t index = 0;  // of the packed head
    std::int32_t query_tile = 0;
    std::int32_t cost = 0;  // key tiles
  };
  // The dear ones first: what is handed out last decides how long threads wait for each other.
  std::vector<Item> items_of(std::span<const std::int32_t> heads) const {
    std::vector<Item> items;
    for (std::int32_t index = 0; index < std::ssize(heads); ++index) {
      for (std::int32_t tile = 0; tile < query_tiles_; ++tile) {
        Item& item = items.emplace_back(Item{.index = index, .query_tile = tile});
        for (const KeyRun& run : runs_of(p_.tasks[heads[index]], tile)) {
          item.cost += run.count;
        }
      }
    }
    std::ranges::stable_sort(items, std::greater<>(), &Item::cost);
    return items;
  }

  void attend(std::int32_t batch, std::span<const std::int32_t> heads) {
    const std::int64_t packed_words = std::ssize(heads) * key_tiles_ * tile_words_;
    const FloatBuffer keys = make_buffer(packed_words);
    const FloatBuffer values = make_buffer(packed_words);
    parallel_for(std::ssize(heads) * key_tiles_, threads_, [&](std::int64_t i, std::int32_t) {
      const std::int32_t head = heads[i / key_tiles_];
      const std::int32_t* order = order_of(p_.tasks[head]);
      const auto tile = static_cast<std::int32_t>(i % key_tiles_);
      const auto rows = [&](const void* base, const Strides& strides) {
        return tile_rows(rows_of(base, strides, batch, head), order, tile, kKeyTile);
      };
      ops_.pack_keys(rows(in_.k, in_.k_strides), in_.head_dim, keys.get() + i * tile_words_);
      ops_.pack_values(rows(in_.v, in_.v_strides), in_.head_dim, values.get() + i * tile_words_);
    });
    std::vector<Workspace> workspaces;
    for (std::int32_t i = 0; i < threads_for(threads_); ++i) {
      workspaces.emplace_back(in_.head_dim);
    }
    const std::vector<Item> items = items_of(heads);
    parallel_for(std::ssize(items), threads_, [&](std::int64_t i, std::int32_t worker) {
      const Item& item = items[i];
      const std::int64_t offset = item.index * key_tiles_ * tile_words_;
      attend_tile(batch, heads[item.index], item.query_tile, keys.get() + offset,
                  values.get() + offset, workspaces[worker]);
    });
  }

  // All queries of one list tile; key tiles are taken in the order of the runs, so that the bits do
  // not depend on who computes what.
  void attend_tile(std::int32_t batch, std::int32_t head, std::int32_t query_tile,
                   const float* keys, const float* values, Workspace& work) const {
    const HeadTask& task = p_.tasks[head];
    const std::int32_t* order = order_of(task);
    const RowSource rows =
        tile_rows(rows_of(in_.q, in_.q_strides, batch, head), order, query_tile, kQueryTile);
    ops_.pack_queries(rows, in_.head_dim, in_.scale < 0.0f, work.queries.get());
    std::fill_n(work.out.get(), rows.count * in_.head_dim, 0.0f);
    std::fill_n(work.maximum, rows.count, -std::numeric_limits<float>::infinity());
    std::fill_n(work.sum, rows.count, 0.0f);
    TileStep step{.queries = work.queries.get(),
                  .count = rows.count,
                  .head_dim = in_.head_dim,
                  .factor = base2_factor(in_.scale),
                  .maximum = work.maximum,
                  .sum = work.sum,
                  .out = work.out.get()};
    for (const KeyRun& run : runs_of(task, query_tile)) {
      for (std::int32_t tile = run.first; tile < run.first + run.count; ++tile) {
        step.keys = keys + tile * tile_words_;
        step.values = values + tile * tile_words_;
        step.keys_in_tile = std::min(kKeyTile, in_.tokens - tile * kKeyTile);
        ops_.step(step);
      }
    }
    for (std::int32_t i = 0; i < rows.count; ++i) {
      const std::int64_t token = order != nullptr ? rows.tokens[i] : rows.first + i;
      // A query without keys gives 0, as a skipped head does.
      const float factor = work.sum[i] == 0.0f ? 0.0f : 1.0f / work.sum[i];
      ops_.store_row(work.out.get() + static_cast<std::int64_t>(i) * in_.head_dim, in_.head_dim,
                     factor, in_.dtype, out_row(batch, head, token));
    }
  }

  const AttentionParams& p_;
  const AttentionTensors& in_;
  Threads threads_;
  const TileOps& ops_;
  std::int32_t query_tiles_;
  std::int32_t key_tiles_;
  std::int64_t tile_words_;  // of a packed tile of keys, and of values
  KeyRun all_tiles_[1];
};

}  // namespace

Status can_run_attention_cpu(const AttentionParams& p) {
  const AttentionTensors& in = p.tensors;
  if (in.q == nullptr || in.k == nullptr || in.v == nullptr || p.out == nullptr) {
    return refuse("q, k, v or out is null");
  }
  if (Status status = check_shape(in); !status) {
    return status;
  }
  if (p.tasks.size() != static_cast<std::size_t>(in.heads)) {
    return refuse(p.tasks.size(), " tasks for ", in.heads, " heads");
  }
  return check_tasks(p.tasks, p.lists, in.tokens);
}

Status run_attention_cpu(const AttentionParams& params) {
  if (Status status = can_run_attention_cpu(params); !status) {
    return status;
  }
  return run_guarded([&] { CpuAttention(params).run(); });
}

}  // namespace twill::kernels
