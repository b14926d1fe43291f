// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "oracle_attention.h"

namespace twill::jobs {
namespace {

constexpr std::int64_t kTokens = 300;  // 3 query tiles, 5 key tiles, both ragged
constexpr std::int64_t kDim = 8;

struct Inputs {
  at::Tensor q, k, v;
};
Inputs some_inputs() {
  const auto random = [](std::uint64_t seed) {
    at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    return at::randn({1, 2, kTokens, kDim}, generator, at::kFloat);
  };
  return {random(1) * 2.0, random(2) * 2.0, random(3)};
}

// By loops in double: of each query tile the `counts[tile]` key tiles of most mass.
at::Tensor by_definition(const Inputs& in, const std::vector<std::size_t>& counts) {
  at::Tensor out = at::zeros({1, 2, kTokens, kDim}, at::kDouble);
  const auto q = in.q.accessor<float, 4>();
  const auto k = in.k.accessor<float, 4>();
  const auto v = in.v.accessor<float, 4>();
  auto o = out.accessor<double, 4>();
  for (int head = 0; head < 2; ++head) {
    for (std::int64_t tile = 0; tile < 3; ++tile) {
      std::vector<std::vector<double>> p;
      std::vector<double> mass(5, 0.0);
      const std::int64_t end = std::min<std::int64_t>(kTokens, (tile + 1) * 128);
      for (std::int64_t i = tile * 128; i < end; ++i) {
        std::vector<double> row;
        for (std::int64_t j = 0; j < kTokens; ++j) {
          double dot = 0.0;
          for (int d = 0; d < kDim; ++d) {
            dot += static_cast<double>(q[0][head][i][d]) * static_cast<double>(k[0][head][j][d]);
          }
          row.push_back(std::exp(dot / std::sqrt(static_cast<double>(kDim))));
        }
        const double sum = std::accumulate(row.begin(), row.end(), 0.0);
        for (std::size_t j = 0; j < row.size(); ++j) {
          row[j] /= sum;
          mass[j / 64] += row[j];
        }
        p.push_back(row);
      }
      std::vector<std::size_t> order(5);
      std::iota(order.begin(), order.end(), 0);
      std::sort(order.begin(), order.end(),
                [&](std::size_t a, std::size_t b) { return mass[a] > mass[b]; });
      order.resize(counts[static_cast<std::size_t>(tile)]);
      for (std::int64_t i = tile * 128; i < end; ++i) {
        const std::vector<double>& row = p[static_cast<std::size_t>(i - tile * 128)];
        double sum = 0.0;
        for (std::size_t j = 0; j < row.size(); ++j) {
          if (std::find(order.begin(), order.end(), j / 64) != order.end()) {
            sum += row[j];
            for (int d = 0; d < kDim; ++d) {
              o[0][head][i][d] += row[j] * static_cast<double>(v[0][head][static_cast<int>(j)][d]);
            }
          }
        }
        for (int d = 0; d < kDim; ++d) {
          o[0][head][i][d] /= sum;
        }
      }
    }
  }
  return out;
}

OracleAttention::Options with_share(double share) {
  OracleAttention::Options options;
  options.share = [share](const engine::AttentionSite&, std::int32_t) { return share; };
  return options;
}

double furthest(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

TEST(OracleAttention, KeepsTheTilesOfMostMass) {
  const Inputs in = some_inputs();
  OracleAttention oracle(with_share(0.5));
  const at::Tensor out = oracle.run(in.q, in.k, in.v, {.t = 0.5});
  // Half of 15 tiles is 7.5: 2, 3 and 2 of five.
  EXPECT_LT(furthest(out, by_definition(in, {2, 3, 2})), 1e-5);
  EXPECT_DOUBLE_EQ(oracle.density(), 7.0 / 15.0);
}

TEST(OracleAttention, SharesAreOfHeadAndSite) {
  const Inputs in = some_inputs();
  const at::Tensor dense = by_definition(in, {5, 5, 5});
  OracleAttention::Options options;
  options.share = [](const engine::AttentionSite& site, std::int32_t head) {
    return site.t == 0.9 || site.layer == 0 || head == 1 ? 1.0 : 0.3;
  };
  OracleAttention oracle(options);
  EXPECT_LT(furthest(oracle.run(in.q, in.k, in.v, {.layer = 3, .t = 0.9}), dense), 1e-5);
  EXPECT_LT(furthest(oracle.run(in.q, in.k, in.v, {.layer = 0, .t = 0.5}), dense), 1e-5);
  EXPECT_DOUBLE_EQ(oracle.density(), 1.0);
  const at::Tensor out = oracle.run(in.q, in.k, in.v, {.layer = 3, .t = 0.5});
  EXPECT_GT(furthest(out.select(1, 0), dense.select(1, 0)), 1e-2);
  EXPECT_LT(furthest(out.select(1, 1), dense.select(1, 1)), 1e-5);
}

TEST(OracleAttention, ByErrorChangesTheOutputLessThanByMass) {
  const Inputs in = some_inputs();
  const at::Tensor dense = by_definition(in, {5, 5, 5});
  const auto error = [&](OracleAttention::Choice choice, double share) {
    OracleAttention::Options options = with_share(share);
    options.choice = choice;
    OracleAttention oracle(options);
    const at::Tensor out = oracle.run(in.q, in.k, in.v, {.t = 0.5});
    EXPECT_LE(oracle.density(), share);
    return (out.to(at::kDouble) - dense).square().sum().item<double>();
  };
  for (const double share : {0.4, 0.6}) {
    EXPECT_LT(error(OracleAttention::Choice::kError, share),
              error(OracleAttention::Choice::kMass, share));
  }
}

// Tiles that hold mass and change nothing: their values are the output itself.
TEST(OracleAttention, ByErrorLeavesOutWhatIsNotMissed) {
  Inputs in{at::zeros({1, 1, 128, kDim}), at::zeros({1, 1, 256, kDim}),
            at::zeros({1, 1, 256, kDim})};
  in.q.fill_(1.0);
  in.k.slice(2, 64, 128).fill_(0.5);  // most mass, and values of 0 as the mean is
  in.v.slice(2, 128, 192).fill_(1.0);
  in.v.slice(2, 192, 256).fill_(-1.0);
  OracleAttention::Options options = with_share(0.5);
  const auto out_by = [&](OracleAttention::Choice choice) {
    options.choice = choice;
    return OracleAttention(options).run(in.q, in.k, in.v, {.t = 0.5});
  };
  // By error the two that cancel each other are kept, or left out, together.
  EXPECT_LT(out_by(OracleAttention::Choice::kError).abs().max().item<double>(), 1e-6);
}

TEST(OracleAttention, AHeadTakesTheOrderThatServesIt) {
  // Queries and keys of one parity attend to each other only: an order that sorts by parity needs
  // half of the tiles.
  constexpr std::int64_t kEven = 256;
  std::vector<std::int32_t> raster, sorted;
  for (std::int32_t i = 0; i < kEven; ++i) {
    raster.push_back(i);
    sorted.push_back(i < kEven / 2 ? 2 * i : 2 * i - static_cast<std::int32_t>(kEven) + 1);
  }
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(std::uint64_t{4});
  const at::Tensor v = at::randn({1, 1, kEven, kDim}, generator, at::kFloat);
  at::Tensor q = at::zeros({1, 1, kEven, kDim});
  for (std::int64_t i = 0; i < kEven; ++i) {
    q.select(2, i).select(2, i % 2).fill_(20.0);
  }
  const engine::AttentionSite site{.t = 0.5};
  const at::Tensor dense = engine::DenseAttention().run(q, q, v, site);
  OracleAttention::Options options = with_share(0.5);
  const auto error = [&](const std::vector<std::vector<std::int32_t>>& orders) {
    options.orders = orders;
    return furthest(OracleAttention(options).run(q, q, v, site), dense);
  };
  EXPECT_GT(error({}), 0.05);
  EXPECT_LT(error({sorted}), 1e-5);
  EXPECT_LT(error({raster, sorted}), 1e-5);
  EXPECT_LT(error({sorted, raster}), 1e-5);
}

TEST(OracleAttention, TopPKeepsAsManyTilesAsTheMassNeeds) {
  const Inputs in = some_inputs();
  const at::Tensor dense = by_definition(in, {5, 5, 5});
  double before = 0.0;
  for (const double p : {0.01, 0.5, 0.9, 0.999999}) {
    OracleAttention::Options options = with_share(0.0);
    options.top_p = p;
    OracleAttention oracle(options);
    const at::Tensor out = oracle.run(in.q, in.k, in.v, {.t = 0.5});
    EXPECT_FALSE(out.isnan().any().item<bool>());
    EXPECT_GE(oracle.density(), before);
    before = oracle.density();
    if (p < 0.1) {
      EXPECT_DOUBLE_EQ(oracle.density(), 0.2);  // one tile of five each
      EXPECT_LT(furthest(out, by_definition(in, {1, 1, 1})), 1e-5);
    }
  }
  EXPECT_DOUBLE_EQ(before, 1.0);
}

}  // namespace
}  // namespace twill::jobs
