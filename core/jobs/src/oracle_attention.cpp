// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "oracle_attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "twill/kernels/tile_list.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

using kernels::kKeyTile;
using kernels::kQueryTile;

std::int64_t tiles_of(std::int64_t tokens, std::int64_t tile) { return (tokens + tile - 1) / tile; }

// In all below heads come first: [heads, ...].

// Softmax probabilities [heads, queries, keys] -> mass [heads, query tiles, key tiles].
at::Tensor tile_mass(const at::Tensor& p) {
  const std::int64_t rows = tiles_of(p.size(1), kQueryTile);
  const std::int64_t cols = tiles_of(p.size(2), kKeyTile);
  return at::constant_pad_nd(p, {0, cols * kKeyTile - p.size(2), 0, rows * kQueryTile - p.size(1)})
      .view({p.size(0), rows, kQueryTile, cols, kKeyTile})
      .sum(at::IntArrayRef{2, 4});
}

// [heads, query tiles, key tiles], 1 where the tile is kept: counts[head, row] of each row, most
// mass first.
at::Tensor kept_by_mass(const at::Tensor& mass, const at::Tensor& counts) {
  const at::Tensor rank = mass.argsort(-1, /*descending=*/true).argsort(-1, false);
  return (rank < counts.unsqueeze(-1)).to(mass.scalar_type());
}

// The fewest tiles of each row, most mass first, that hold the share p of it.
at::Tensor kept_by_top_p(const at::Tensor& mass, double p) {
  const auto [sorted, order] = mass.sort(-1, /*descending=*/true);
  const at::Tensor wanted = sorted.sum(-1, true) * p;
  const at::Tensor before = sorted.cumsum(-1) - sorted;
  // The first is kept whatever p is: no query is without a key.
  at::Tensor kept = (before < wanted).to(mass.scalar_type());
  kept.select(-1, 0).fill_(1.0);
  return at::zeros_like(mass).scatter(-1, order, kept);
}

// What leaving out each key tile changes in each query's output before the rest is scaled up:
// mass_j x out - sum over its keys of p v, [heads, queries, key tiles, head_dim], and the masses,
// [heads, queries, key tiles]. p: [heads, queries, keys], v: [heads, keys, head_dim], out: [heads,
// queries, head_dim].
std::pair<at::Tensor, at::Tensor> changes(const at::Tensor& p, const at::Tensor& v,
                                          const at::Tensor& out) {
  const std::int64_t heads = p.size(0), cols = tiles_of(p.size(2), kKeyTile);
  const std::int64_t pad = cols * kKeyTile - p.size(2);
  const at::Tensor p_tiles =
      at::constant_pad_nd(p, {0, pad}).view({heads, p.size(1), cols, kKeyTile});
  const at::Tensor v_tiles =
      at::constant_pad_nd(v, {0, 0, 0, pad}).view({heads, cols, kKeyTile, v.size(2)});
  const at::Tensor mass = p_tiles.sum(3);
  return {mass.unsqueeze(3) * out.unsqueeze(2) -
              at::matmul(p_tiles.transpose(1, 2), v_tiles).transpose(1, 2),
          mass};
}

// [heads, queries, ...] -> [heads, query tiles, kQueryTile, ...], with zeros at the end.
at::Tensor by_query_tile(const at::Tensor& of_queries) {
  const std::int64_t rows = tiles_of(of_queries.size(1), kQueryTile);
  const std::int64_t cols = of_queries.size(2);
  return at::constant_pad_nd(of_queries, {0, 0, 0, rows * kQueryTile - of_queries.size(1)})
      .view({of_queries.size(0), rows, kQueryTile, cols});
}

// As kept_by_mass(), leaving out one tile after another, each time the one after which the query
// tile's output is nearest the dense one.
at::Tensor kept_by_error(const at::Tensor& p, const at::Tensor& v, const at::Tensor& out,
                         const at::Tensor& counts) {
  constexpr double kLeastMass = 1e-12;
  const auto [moved, mass] = changes(p, v, out);
  const std::int64_t heads = p.size(0), queries = p.size(1), cols = mass.size(2);
  const at::Tensor products = at::matmul(moved, moved.transpose(2, 3));  // [..., cols, cols]
  const at::Tensor own = products.diagonal(0, 2, 3);
  at::Tensor kept = at::ones({heads, counts.size(1), cols}, p.options());
  at::Tensor with_left_out = at::zeros({heads, queries, cols}, p.options());
  at::Tensor square = at::zeros({heads, queries, 1}, p.options());  // of what has changed so far
  at::Tensor mass_left = at::ones({heads, queries, 1}, p.options());
  for (std::int64_t left = cols; left > 1; --left) {
    const at::Tensor rest = (mass_left - mass).clamp_min(kLeastMass);
    const at::Tensor errors = by_query_tile((square + with_left_out * 2.0 + own) / rest.square())
                                  .sum(2)
                                  .masked_fill(kept == 0.0, std::numeric_limits<float>::infinity());
    const at::Tensor least = errors.argmin(2, /*keepdim=*/true);
    const at::Tensor goes = (counts < left).unsqueeze(2).to(kept.scalar_type());
    kept.scatter_(2, least, kept.gather(2, least) - goes);
    const auto of_queries = [&](const at::Tensor& of_rows) {
      return of_rows.repeat_interleave(kQueryTile, 1).narrow(1, 0, queries);
    };
    const at::Tensor tile = of_queries(least), gone = of_queries(goes);
    square += (with_left_out.gather(2, tile) * 2.0 + own.gather(2, tile)) * gone;
    mass_left -= mass.gather(2, tile) * gone;
    with_left_out +=
        products.gather(2, tile.unsqueeze(3).expand({heads, queries, 1, cols})).squeeze(2) * gone;
  }
  return kept;
}

at::Tensor spread(const at::Tensor& tiles, std::int64_t queries, std::int64_t keys) {
  return tiles.repeat_interleave(kQueryTile, 1)
      .repeat_interleave(kKeyTile, 2)
      .narrow(1, 0, queries)
      .narrow(2, 0, keys);
}

// A share of `cols` as whole numbers: rounded so that sums over the rows follow the share.
std::vector<std::int64_t> counts_of(double share, std::int64_t rows, std::int64_t cols) {
  std::vector<std::int64_t> counts;
  std::int64_t given = 0;
  for (std::int64_t row = 1; row <= rows; ++row) {
    const auto wanted =
        static_cast<std::int64_t>(std::floor(share * static_cast<double>(row * cols)));
    counts.push_back(std::clamp<std::int64_t>(wanted - given, 1, cols));
    given += counts.back();
  }
  return counts;
}

struct Heads {
  at::Tensor out;    // [heads, queries, head_dim], raster
  at::Tensor tiles;  // [heads]
};

// All tensors [heads, tokens, ...] in fp32, positions in the order that is to be tried. counts:
// [heads, query tiles].
Heads sparse_heads(const at::Tensor& p, const at::Tensor& v, const at::Tensor& dense,
                   const OracleAttention::Options& options, const at::Tensor& counts) {
  const at::Tensor tiles = options.top_p > 0.0 ? kept_by_top_p(tile_mass(p), options.top_p)
                           : options.choice == OracleAttention::Choice::kMass
                               ? kept_by_mass(tile_mass(p), counts)
                               : kept_by_error(p, v, dense, counts);
  const at::Tensor kept = p * spread(tiles, p.size(1), p.size(2));
  return {.out = at::bmm(kept, v) / kept.sum(2, true), .tiles = tiles.sum({1, 2})};
}

// Of each head what the order of least error gives. q, k, v: [heads, tokens, head_dim].
Heads best_heads(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const OracleAttention::Options& options, const std::vector<at::Tensor>& orders,
                 const at::Tensor& counts) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(2)));
  const at::Tensor values = v.to(at::kFloat);
  const at::Tensor p =
      at::softmax(at::bmm(q.to(at::kFloat), k.to(at::kFloat).transpose(1, 2)) * scale, 2);
  const at::Tensor dense = at::bmm(p, values);
  if (orders.empty()) {
    return sparse_heads(p, values, dense, options, counts);
  }
  Heads best;
  at::Tensor least;
  for (const at::Tensor& order : orders) {
    const auto ordered = [&](const at::Tensor& of) { return of.index_select(1, order); };
    Heads found = sparse_heads(ordered(p).index_select(2, order), ordered(values), ordered(dense),
                               options, counts);
    found.out = at::empty_like(found.out).index_copy(1, order, found.out);
    const at::Tensor error = (found.out - dense).square().sum({1, 2});
    if (!least.defined()) {
      best = found;
      least = error;
      continue;
    }
    const at::Tensor better = error < least;
    best = {.out = at::where(better.view({-1, 1, 1}), found.out, best.out),
            .tiles = at::where(better, found.tiles, best.tiles)};
    least = at::minimum(error, least);
  }
  return best;
}

}  // namespace

OracleAttention::OracleAttention(Options options) : options_(std::move(options)) {
  TWILL_ASSERT(options_.share != nullptr);
  TWILL_ASSERT(options_.top_p == 0.0 || options_.choice == Choice::kMass);
}

at::Tensor OracleAttention::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                const engine::AttentionSite& site) {
  constexpr std::int64_t kMostScores = std::int64_t{1} << 27;  // of heads at once: 0.5 GB
  const std::int64_t rows = tiles_of(q.size(2), kQueryTile), cols = tiles_of(k.size(2), kKeyTile);
  const auto tiles_of_head = static_cast<double>(rows * cols);
  at::Tensor out = dense_.run(q, k, v, site).clone();
  std::vector<at::Tensor> orders;
  for (const std::vector<std::int32_t>& order : options_.orders) {
    orders.push_back(at::tensor(std::vector<std::int64_t>(order.begin(), order.end()), at::kLong)
                         .to(q.device()));
  }
  std::vector<std::int64_t> sparse, counts;
  for (std::int64_t head = 0; head < q.size(1); ++head) {
    const double share = options_.share(site, static_cast<std::int32_t>(head));
    if (share < 1.0) {
      sparse.push_back(head);
      std::ranges::copy(counts_of(share, rows, cols), std::back_inserter(counts));
    }
  }
  const auto many = std::ssize(sparse);
  const auto dense_heads = static_cast<double>(q.size(0) * (q.size(1) - many));
  count(dense_heads * tiles_of_head, dense_heads * tiles_of_head);
  const at::Tensor heads = at::tensor(sparse, at::kLong).to(q.device());
  const at::Tensor counts_of_heads =
      at::tensor(counts, at::kLong).view({many, rows}).to(q.device());
  const std::int64_t most = std::max<std::int64_t>(1, kMostScores / (q.size(2) * k.size(2)));
  for (std::int64_t row = 0; row < q.size(0); ++row) {
    for (std::int64_t begin = 0; begin < many; begin += most) {
      const std::int64_t size = std::min(most, many - begin);
      const at::Tensor which = heads.narrow(0, begin, size);
      const auto of = [&](const at::Tensor& all) { return all[row].index_select(0, which); };
      const Heads found =
          best_heads(of(q), of(k), of(v), options_, orders, counts_of_heads.narrow(0, begin, size));
      count(found.tiles.sum().item<double>(), static_cast<double>(size) * tiles_of_head);
      out[row].index_copy_(0, which, found.out.to(out.scalar_type()));
    }
  }
  return out;
}

}  // namespace twill::jobs
