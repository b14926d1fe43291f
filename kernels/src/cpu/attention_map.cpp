// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

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
#include "twill/kernels/profiling.h"

namespace twill::kernels {
namespace {

class AttentionMap {
 public:
  explicit AttentionMap(const AttentionMapParams& params)
      : p_(params),
        ops_(tile_ops()),
        block_(tile_count(params.tokens, params.size)),
        chunks_(tile_count(block_, kKeyTile)) {}

  void run() {
    parallel_for(std::int64_t{p_.batch} * p_.heads, p_.threads,
                 [&](std::int64_t item, std::int32_t) {
                   draw(static_cast<std::int32_t>(item / p_.heads),
                        static_cast<std::int32_t>(item % p_.heads));
                 });
  }

 private:
  // First token of a block; blocks past the last token are empty.
  std::int32_t begin_of(std::int32_t block) const {
    return static_cast<std::int32_t>(
        std::min<std::int64_t>(std::int64_t{block} * block_, p_.tokens));
  }

  RowSource source(const void* base, const Strides& strides, std::int32_t batch,
                   std::int32_t head) const {
    return {.base = element_at(base, batch * strides.batch + head * strides.head, p_.dtype),
            .token_stride = strides.token,
            .dtype = p_.dtype};
  }

  // Keys of every block in panels; each block begins a new tile, so that no tile has two blocks.
  FloatBuffer pack_blocks(const RowSource& keys) const {
    const std::int64_t tile_floats = std::int64_t{kKeyTile} * p_.head_dim;
    FloatBuffer panels = make_buffer(p_.size * chunks_ * tile_floats);
    const FloatBuffer rows = make_buffer(tile_floats);
    for (std::int32_t block = 0; block < p_.size; ++block) {
      for (std::int32_t chunk = 0; chunk < chunks_; ++chunk) {
        RowSource tile = keys;
        tile.first = begin_of(block) + chunk * kKeyTile;
        tile.count = keys_in(block, chunk);
        std::fill_n(rows.get(), tile_floats, 0.0f);
        ops_.gather_rows(tile, p_.head_dim, 1.0f, rows.get());
        ops_.pack_keys(rows.get(), p_.head_dim,
                       panels.get() + (std::int64_t{block} * chunks_ + chunk) * tile_floats);
      }
    }
    return panels;
  }
  std::int32_t keys_in(std::int32_t block, std::int32_t chunk) const {
    return std::clamp(begin_of(block + 1) - begin_of(block) - chunk * kKeyTile, 0, kKeyTile);
  }

  void draw(std::int32_t batch, std::int32_t head) const {
    const std::int64_t tile_floats = std::int64_t{kKeyTile} * p_.head_dim;
    const FloatBuffer panels = pack_blocks(source(p_.k, p_.k_strides, batch, head));
    const FloatBuffer queries = make_buffer(std::int64_t{kQueryTile} * p_.head_dim);
    const FloatBuffer scores = make_buffer(std::int64_t{kQueryTile} * kKeyTile);
    std::vector<float> maximum(static_cast<std::size_t>(p_.size) * kQueryTile);
    std::vector<float> sum(maximum.size());
    float* map = p_.map + (std::int64_t{batch} * p_.heads + head) * p_.size * p_.size;
    for (std::int32_t block = 0; block < p_.size; ++block) {
      std::vector<double> share(p_.size, 0.0);
      std::vector<std::int32_t> tokens;
      for (std::int32_t token = begin_of(block); token < begin_of(block + 1);
           token += p_.query_stride) {
        tokens.push_back(token);
      }
      for (std::size_t first = 0; first < tokens.size(); first += kQueryTile) {
        RowSource rows = source(p_.q, p_.q_strides, batch, head);
        rows.tokens = tokens.data() + first;
        rows.count =
            static_cast<std::int32_t>(std::min<std::size_t>(kQueryTile, tokens.size() - first));
        ops_.gather_rows(rows, p_.head_dim, p_.scale * std::numbers::log2e_v<float>, queries.get());
        std::ranges::fill(maximum, -std::numeric_limits<float>::infinity());
        std::ranges::fill(sum, 0.0f);
        for (std::int32_t keys = 0; keys < p_.size * chunks_; ++keys) {
          const std::int32_t count = keys_in(keys / chunks_, keys % chunks_);
          if (count == 0) {
            continue;
          }
          ops_.scores(queries.get(), rows.count, panels.get() + keys * tile_floats, p_.head_dim,
                      scores.get());
          const std::int64_t at = std::int64_t{keys / chunks_} * kQueryTile;
          ops_.softmax_step(scores.get(), rows.count, count, /*head_dim=*/0, maximum.data() + at,
                            sum.data() + at, nullptr);
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
  const TileOps& ops_;
  std::int32_t block_;   // tokens of a block
  std::int32_t chunks_;  // key tiles of a block
};

}  // namespace

Status attention_map_cpu(const AttentionMapParams& p) {
  if (p.q == nullptr || p.k == nullptr || p.map == nullptr) {
    return refuse("q, k or map is null");
  }
  if (Status status = check_shape({p.batch, p.heads, p.tokens, p.head_dim, p.scale}); !status) {
    return status;
  }
  if (p.size < 1 || p.size > p.tokens) {
    return refuse("map size ", p.size, " is not one of 1..", p.tokens);
  }
  if (p.query_stride < 1) {
    return refuse("query_stride ", p.query_stride, " is not positive");
  }
  return run_guarded([&] { AttentionMap(p).run(); });
}

}  // namespace twill::kernels
