// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "oracle_attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "twill/kernels/tile_list.h"

namespace twill::jobs {
namespace {

std::int64_t tiles_of(std::int64_t tokens, std::int64_t tile) { return (tokens + tile - 1) / tile; }

// Softmax probabilities [queries, keys] -> mass [query tiles, key tiles].
at::Tensor tile_mass(const at::Tensor& p) {
  const std::int64_t rows = tiles_of(p.size(0), kernels::kQueryTile);
  const std::int64_t cols = tiles_of(p.size(1), kernels::kKeyTile);
  return at::constant_pad_nd(p, {0, cols * kernels::kKeyTile - p.size(1), 0,
                                 rows * kernels::kQueryTile - p.size(0)})
      .view({rows, kernels::kQueryTile, cols, kernels::kKeyTile})
      .sum(at::IntArrayRef{1, 3});
}

// 1 for the `count` key tiles of greatest mass of each query tile; counts[row] of row.
at::Tensor kept_tiles(const at::Tensor& mass, const at::Tensor& counts) {
  const at::Tensor rank = mass.argsort(1, /*descending=*/true).argsort(1, false);
  return (rank < counts.unsqueeze(1)).to(mass.scalar_type());
}

at::Tensor spread(const at::Tensor& tiles, std::int64_t queries, std::int64_t keys) {
  return tiles.repeat_interleave(kernels::kQueryTile, 0)
      .repeat_interleave(kernels::kKeyTile, 1)
      .narrow(0, 0, queries)
      .narrow(1, 0, keys);
}

// A share of `cols` as whole numbers: rounded so that sums over the rows follow the share.
at::Tensor counts_of(double share, std::int64_t rows, std::int64_t cols, const at::Device& device) {
  std::vector<std::int64_t> counts;
  std::int64_t given = 0;
  for (std::int64_t row = 1; row <= rows; ++row) {
    const auto wanted =
        static_cast<std::int64_t>(std::floor(share * static_cast<double>(row * cols)));
    counts.push_back(std::clamp<std::int64_t>(wanted - given, 1, cols));
    given += counts.back();
  }
  return at::tensor(counts, at::kLong).to(device);
}

}  // namespace

at::Tensor OracleAttention::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                const engine::AttentionSite& site) {
  const std::int64_t queries = q.size(2), keys = k.size(2);
  const std::int64_t rows = tiles_of(queries, kernels::kQueryTile);
  const std::int64_t cols = tiles_of(keys, kernels::kKeyTile);
  const double tiles = static_cast<double>(q.size(0) * q.size(1) * rows * cols);
  all_ += tiles;
  if (site.layer < options_.dense_first_layers ||
      std::find(options_.dense_t.begin(), options_.dense_t.end(), site.t) !=
          options_.dense_t.end()) {
    kept_ += tiles;
    return dense_.run(q, k, v, site);
  }
  const at::Tensor counts = counts_of(options_.share, rows, cols, q.device());
  kept_ += static_cast<double>(q.size(0) * q.size(1)) *
           static_cast<double>(counts.sum().item<std::int64_t>());
  at::Tensor out = at::empty(q.sizes(), q.options());
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(3)));
  for (std::int64_t row = 0; row < q.size(0); ++row) {
    for (std::int64_t head = 0; head < q.size(1); ++head) {
      const at::Tensor p = at::softmax(
          at::mm(q[row][head].to(at::kFloat), k[row][head].to(at::kFloat).t()) * scale, 1);
      const at::Tensor kept = p * spread(kept_tiles(tile_mass(p), counts), queries, keys);
      out[row][head].copy_(at::mm(kept, v[row][head].to(at::kFloat)) / kept.sum(1, true));
    }
  }
  return out;
}

}  // namespace twill::jobs
