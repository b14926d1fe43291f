// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "oracle_attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "twill/kernels/tile_list.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

using kernels::kKeyTile;
using kernels::kQueryTile;

std::int64_t tiles_of(std::int64_t tokens, std::int64_t tile) { return (tokens + tile - 1) / tile; }

// Softmax probabilities [queries, keys] -> mass [query tiles, key tiles].
at::Tensor tile_mass(const at::Tensor& p) {
  const std::int64_t rows = tiles_of(p.size(0), kQueryTile);
  const std::int64_t cols = tiles_of(p.size(1), kKeyTile);
  return at::constant_pad_nd(p, {0, cols * kKeyTile - p.size(1), 0, rows * kQueryTile - p.size(0)})
      .view({rows, kQueryTile, cols, kKeyTile})
      .sum(at::IntArrayRef{1, 3});
}

// [query tiles, key tiles], 1 where the tile is kept: counts[row] of each row, most mass first.
at::Tensor kept_by_mass(const at::Tensor& mass, const at::Tensor& counts) {
  const at::Tensor rank = mass.argsort(1, /*descending=*/true).argsort(1, false);
  return (rank < counts.unsqueeze(1)).to(mass.scalar_type());
}

// The fewest tiles of each row, most mass first, that hold the share p of it.
at::Tensor kept_by_top_p(const at::Tensor& mass, double p) {
  const auto [sorted, order] = mass.sort(1, /*descending=*/true);
  const at::Tensor wanted = sorted.sum(1, true) * p;
  const at::Tensor before = sorted.cumsum(1) - sorted;
  // The first is kept whatever p is: no query is without a key.
  at::Tensor kept = (before < wanted).to(mass.scalar_type());
  kept.select(1, 0).fill_(1.0);
  return at::zeros_like(mass).scatter(1, order, kept);
}

// What leaving out each key tile changes in each query's output before the rest is scaled up:
// mass_j x out - sum over its keys of p v, [queries, key tiles, head_dim], and the masses,
// [queries, key tiles]. p: [queries, keys], v: [keys, head_dim], out: [queries, head_dim].
std::pair<at::Tensor, at::Tensor> changes(const at::Tensor& p, const at::Tensor& v,
                                          const at::Tensor& out) {
  const std::int64_t cols = tiles_of(p.size(1), kKeyTile);
  const std::int64_t pad = cols * kKeyTile - p.size(1);
  const at::Tensor p_tiles = at::constant_pad_nd(p, {0, pad}).view({p.size(0), cols, kKeyTile});
  const at::Tensor v_tiles =
      at::constant_pad_nd(v, {0, 0, 0, pad}).view({cols, kKeyTile, v.size(1)});
  const at::Tensor mass = p_tiles.sum(2);
  return {mass.unsqueeze(2) * out.unsqueeze(1) -
              at::bmm(p_tiles.transpose(0, 1), v_tiles).transpose(0, 1),
          mass};
}

// [queries, ...] -> [query tiles, kQueryTile, ...], with zeros at the end.
at::Tensor by_query_tile(const at::Tensor& of_queries) {
  const std::int64_t rows = tiles_of(of_queries.size(0), kQueryTile);
  const std::int64_t cols = of_queries.size(1);
  return at::constant_pad_nd(of_queries, {0, 0, 0, rows * kQueryTile - of_queries.size(0)})
      .view({rows, kQueryTile, cols});
}

// As kept_by_mass(), leaving out one tile after another, each time the one after which the query
// tile's output is nearest the dense one.
at::Tensor kept_by_error(const at::Tensor& p, const at::Tensor& v, const at::Tensor& out,
                         const at::Tensor& counts) {
  constexpr double kLeastMass = 1e-12;
  const auto [moved, mass] = changes(p, v, out);
  const std::int64_t queries = p.size(0), cols = mass.size(1), rows = counts.size(0);
  const at::Tensor products = at::bmm(moved, moved.transpose(1, 2));  // [queries, cols, cols]
  const at::Tensor own = products.diagonal(0, 1, 2);
  at::Tensor kept = at::ones({rows, cols}, p.options());
  at::Tensor with_left_out = at::zeros({queries, cols}, p.options());
  at::Tensor square = at::zeros({queries, 1}, p.options());  // of what has changed so far
  at::Tensor mass_left = at::ones({queries, 1}, p.options());
  for (std::int64_t left = cols; left > 1; --left) {
    const at::Tensor rest = (mass_left - mass).clamp_min(kLeastMass);
    const at::Tensor errors = by_query_tile((square + with_left_out * 2.0 + own) / rest.square())
                                  .sum(1)
                                  .masked_fill(kept == 0.0, std::numeric_limits<float>::infinity());
    const at::Tensor least = errors.argmin(1, /*keepdim=*/true);
    const at::Tensor goes = (counts < left).unsqueeze(1).to(kept.scalar_type());
    kept.scatter_(1, least, kept.gather(1, least) - goes);
    const auto of_queries = [&](const at::Tensor& of_rows) {
      return of_rows.repeat_interleave(kQueryTile, 0).narrow(0, 0, queries);
    };
    const at::Tensor tile = of_queries(least), gone = of_queries(goes);
    square += (with_left_out.gather(1, tile) * 2.0 + own.gather(1, tile)) * gone;
    mass_left -= mass.gather(1, tile) * gone;
    with_left_out +=
        products.gather(1, tile.unsqueeze(2).expand({queries, 1, cols})).squeeze(1) * gone;
  }
  return kept;
}

at::Tensor spread(const at::Tensor& tiles, std::int64_t queries, std::int64_t keys) {
  return tiles.repeat_interleave(kQueryTile, 0)
      .repeat_interleave(kKeyTile, 1)
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

struct Head {
  at::Tensor out;  // [queries, head_dim], raster
  double tiles = 0.0;
};

// One head, all tensors [tokens, ...] in fp32, positions in the order that is to be tried.
Head sparse_head(const at::Tensor& p, const at::Tensor& v, const at::Tensor& dense,
                 const OracleAttention::Options& options, double share) {
  const std::int64_t rows = tiles_of(p.size(0), kQueryTile), cols = tiles_of(p.size(1), kKeyTile);
  const auto kept_tiles = [&] {
    if (options.top_p > 0.0) {
      return kept_by_top_p(tile_mass(p), options.top_p);
    }
    const at::Tensor counts = counts_of(share, rows, cols, p.device());
    return options.choice == OracleAttention::Choice::kMass ? kept_by_mass(tile_mass(p), counts)
                                                            : kept_by_error(p, v, dense, counts);
  };
  const at::Tensor tiles = kept_tiles();
  const at::Tensor kept = p * spread(tiles, p.size(0), p.size(1));
  return {.out = at::mm(kept, v) / kept.sum(1, true), .tiles = tiles.sum().item<double>()};
}

}  // namespace

OracleAttention::OracleAttention(Options options) : options_(std::move(options)) {
  TWILL_ASSERT(options_.share != nullptr);
  TWILL_ASSERT(options_.top_p == 0.0 || options_.choice == Choice::kMass);
}

at::Tensor OracleAttention::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                const engine::AttentionSite& site) {
  const double tiles_of_head =
      static_cast<double>(tiles_of(q.size(2), kQueryTile) * tiles_of(k.size(2), kKeyTile));
  at::Tensor out = dense_.run(q, k, v, site).clone();
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(3)));
  std::vector<at::Tensor> orders;
  for (const std::vector<std::int32_t>& order : options_.orders) {
    orders.push_back(at::tensor(std::vector<std::int64_t>(order.begin(), order.end()), at::kLong)
                         .to(q.device()));
  }
  for (std::int64_t row = 0; row < q.size(0); ++row) {
    for (std::int64_t head = 0; head < q.size(1); ++head) {
      const double share = options_.share(site, static_cast<std::int32_t>(head));
      if (share >= 1.0) {
        count(tiles_of_head, tiles_of_head);
        continue;
      }
      const at::Tensor values = v[row][head].to(at::kFloat);
      const at::Tensor p = at::softmax(
          at::mm(q[row][head].to(at::kFloat), k[row][head].to(at::kFloat).t()) * scale, 1);
      const at::Tensor dense = at::mm(p, values);
      Head best;
      double least = std::numeric_limits<double>::infinity();
      for (std::size_t i = 0; i < std::max<std::size_t>(1, orders.size()); ++i) {
        const auto ordered = [&](const at::Tensor& of) {
          return orders.empty() ? of : of.index_select(0, orders[i]);
        };
        const at::Tensor p_ordered = orders.empty() ? p : ordered(p).index_select(1, orders[i]);
        const at::Tensor dense_ordered = ordered(dense);
        Head found = sparse_head(p_ordered, ordered(values), dense_ordered, options_, share);
        const double error =
            orders.size() < 2 ? 0.0 : (found.out - dense_ordered).square().sum().item<double>();
        if (error < least) {
          least = error;
          best = {.out = orders.empty()
                             ? found.out
                             : at::empty_like(found.out).index_copy(0, orders[i], found.out),
                  .tiles = found.tiles};
        }
      }
      count(best.tiles, tiles_of_head);
      out[row][head].copy_(best.out);
    }
  }
  return out;
}

}  // namespace twill::jobs
