// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <limits>
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

class AttentionMap {
 public:
  AttentionMap(const AttentionMapParams& params, const Threads& threads)
      : p_(params),
        in_(params.tensors),
        threads_(threads),
        ops_(tile_ops(Dtype::kF32)),  // sums of words of fp32, whatever the inputs are
        block_(tile_count(params.tensors.tokens, params.size)),
        chunks_(tile_count(block_, kKeyTile)) {}

  void run() {
    parallel_for(std::int64_t{in_.batch} * in_.heads, threads_,
                 [&](std::int64_t item, std::int32_t) {
                   draw(static_cast<std::int32_t>(item / in_.heads),
                        static_cast<std::int32_t>(item % in_.heads));
                 });
  }

 private:
  // First token of a block; blocks past the last token are empty.
  std::int32_t begin_of(std::int32_t block) const {
    return static_cast<std::int32_t>(
        std::min<std::int64_t>(std::int64_t{block} * block_, in_.tokens));
  }

  // Keys of every block; each block begins a new tile, so that no tile has two blocks.
  FloatBuffer pack_blocks(const RowSource& keys) const {
    const std::int64_t words = tile_words(ops_, in_.head_dim);
    FloatBuffer packed = make_buffer(p_.size * chunks_ * words);
    for (std::int32_t block = 0; block < p_.size; ++block) {
      for (std::int32_t chunk = 0; chunk < chunks_; ++chunk) {
        RowSource tile = keys;
        tile.first = begin_of(block) + chunk * kKeyTile;
        tile.count = keys_in(block, chunk);
        ops_.pack_keys(tile, in_.head_dim,
                       packed.get() + (std::int64_t{block} * chunks_ + chunk) * words);
      }
    }
    return packed;
  }
  std::int32_t keys_in(std::int32_t block, std::int32_t chunk) const {
    return std::clamp(begin_of(block + 1) - begin_of(block) - chunk * kKeyTile, 0, kKeyTile);
  }

  void draw(std::int32_t batch, std::int32_t head) const {
    const std::int64_t words = tile_words(ops_, in_.head_dim);
    const FloatBuffer keys =
        pack_blocks(head_rows(in_.k, in_.k_strides, in_.dtype, batch, head, in_.tokens));
    const FloatBuffer queries = make_buffer(std::int64_t{kQueryTile} * in_.head_dim);
    std::vector<float> maximum(static_cast<std::size_t>(p_.size) * kQueryTile);
    std::vector<float> sum(maximum.size());
    float* map = p_.map + (std::int64_t{batch} * in_.heads + head) * p_.size * p_.size;
    for (std::int32_t block = 0; block < p_.size; ++block) {
      std::vector<double> share(p_.size, 0.0);
      std::vector<std::int32_t> tokens;
      for (std::int32_t token = begin_of(block); token < begin_of(block + 1);
           token += p_.query_stride) {
        tokens.push_back(token);
      }
      for (std::size_t first = 0; first < tokens.size(); first += kQueryTile) {
        RowSource rows = head_rows(in_.q, in_.q_strides, in_.dtype, batch, head, in_.tokens);
        rows.tokens = tokens.data() + first;
        rows.count =
            static_cast<std::int32_t>(std::min<std::size_t>(kQueryTile, tokens.size() - first));
        ops_.pack_queries(rows, in_.head_dim, in_.scale < 0.0f, queries.get());
        std::ranges::fill(maximum, -std::numeric_limits<float>::infinity());
        std::ranges::fill(sum, 0.0f);
        for (std::int32_t tile = 0; tile < p_.size * chunks_; ++tile) {
          const std::int32_t count = keys_in(tile / chunks_, tile % chunks_);
          if (count == 0) {
            continue;
          }
          const std::int64_t at = std::int64_t{tile / chunks_} * kQueryTile;
          ops_.step({.queries = queries.get(),
                     .count = rows.count,
                     .keys = keys.get() + tile * words,
                     .keys_in_tile = count,
                     .head_dim = in_.head_dim,
                     .factor = base2_factor(in_.scale),
                     .maximum = maximum.data() + at,
                     .sum = sum.data() + at});
        }
        for (std::int32_t row = 0; row < rows.count; ++row) {
          add_shares(maximum.data() + row, sum.data() + row, share);
        }
      }
      for (std::int32_t column = 0; column < p_.size; ++column) {
        map[std::int64_t{block} * p_.size + column] = static_cast<float>(
            tokens.empty() ? 0.0 : share[column] / static_cast<double>(tokens.size()));
      }
    }
  }

  // Of one query: what part of its attention each block has. maximum, sum: [size], kQueryTile
  // apart.
  void add_shares(const float* maximum, const float* sum, std::vector<double>& share) const {
    float most = maximum[0];
    for (std::int32_t block = 1; block < p_.size; ++block) {
      most = std::max(most, maximum[std::int64_t{block} * kQueryTile]);
    }
    const auto weight = [&](std::int32_t block) {
      const std::int64_t at = std::int64_t{block} * kQueryTile;
      return static_cast<double>(sum[at]) * std::exp2(static_cast<double>(maximum[at] - most));
    };
    double total = 0.0;
    for (std::int32_t block = 0; block < p_.size; ++block) {
      total += weight(block);
    }
    for (std::int32_t block = 0; block < p_.size; ++block) {
      share[block] += weight(block) / total;
    }
  }

  const AttentionMapParams& p_;
  const AttentionTensors& in_;
  Threads threads_;
  const TileOps& ops_;
  std::int32_t block_;   // tokens of a block
  std::int32_t chunks_;  // key tiles of a block
};

}  // namespace

Status attention_map_cpu(const AttentionMapParams& p, std::int32_t threads, Executor* executor) {
  const AttentionTensors& in = p.tensors;
  if (in.q == nullptr || in.k == nullptr || p.map == nullptr) {
    return refuse("q, k or map is null");
  }
  if (Status status = check_shape(in); !status) {
    return status;
  }
  if (p.size < 1 || p.size > in.tokens) {
    return refuse("map size ", p.size, " is not one of 1..", in.tokens);
  }
  if (p.query_stride < 1) {
    return refuse("query_stride ", p.query_stride, " is not positive");
  }
  return run_guarded([&] { AttentionMap(p, {.count = threads, .executor = executor}).run(); });
}

}  // namespace twill::kernels
