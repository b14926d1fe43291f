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

TEST(OracleAttention, KeepsTheTilesOfMostMass) {
  const Inputs in = some_inputs();
  OracleAttention oracle({.share = 0.5, .dense_t = {}});
  const at::Tensor out = oracle.run(in.q, in.k, in.v, {.t = 0.5});
  // Half of 15 tiles is 7.5: 2, 3 and 2 of five.
  const at::Tensor expected = by_definition(in, {2, 3, 2});
  EXPECT_LT((out.to(at::kDouble) - expected).abs().max().item<double>(), 1e-5);
  EXPECT_DOUBLE_EQ(oracle.density(), 7.0 / 15.0);
}

TEST(OracleAttention, ToldStepsAndLayersAreDense) {
  const Inputs in = some_inputs();
  const at::Tensor dense = by_definition(in, {5, 5, 5});
  OracleAttention oracle({.share = 0.3, .dense_t = {0.9}, .dense_first_layers = 1});
  const auto error = [&](const engine::AttentionSite& site) {
    return (oracle.run(in.q, in.k, in.v, site).to(at::kDouble) - dense).abs().max().item<double>();
  };
  EXPECT_LT(error({.layer = 3, .t = 0.9}), 1e-5);
  EXPECT_LT(error({.layer = 0, .t = 0.5}), 1e-5);
  EXPECT_DOUBLE_EQ(oracle.density(), 1.0);
  EXPECT_GT(error({.layer = 3, .t = 0.5}), 1e-2);
}

}  // namespace
}  // namespace twill::jobs
