// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/kernels/profiling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "attention_inputs.h"

namespace twill::kernels {
namespace {

using testing::Case;
using testing::Inputs;

class Profiling : public ::testing::TestWithParam<Case> {};

struct Errors {
  std::vector<double> error;  // [batch, heads, candidates]
  std::vector<double> norm;   // [batch, heads]
};

Errors measure(const AttentionParams& p, const std::vector<std::int32_t>& rows,
               std::span<const HeadTask> candidates, std::int32_t threads = 0) {
  Errors out;
  out.norm.assign(static_cast<std::size_t>(p.tensors.batch) * p.tensors.heads, -1.0);
  out.error.assign(out.norm.size() * candidates.size(), -1.0);
  const Status status = sampled_head_errors_cpu({.tensors = p.tensors,
                                                 .rows = rows,
                                                 .candidates = candidates,
                                                 .lists = p.lists,
                                                 .error = out.error.data(),
                                                 .norm = out.norm.data(),
                                                 .threads = threads});
  EXPECT_TRUE(status.ok) << status.reason;
  return out;
}

std::vector<std::int32_t> some_rows(std::int32_t tokens) {
  std::vector<std::int32_t> rows;
  for (std::int32_t row = tokens - 1; row >= 0; row -= 23) {
    rows.push_back(row);
  }
  return rows;
}

TEST_P(Profiling, HeadErrorsAreThoseOfTheDefinition) {
  Inputs inputs(GetParam());
  AttentionParams p = inputs.params();
  const std::vector<std::int32_t> rows = some_rows(p.tensors.tokens);
  const std::vector<HeadTask> candidates(p.tasks.begin(), p.tasks.end());
  const Errors measured = measure(p, rows, candidates);
  EXPECT_EQ(measure(p, rows, candidates, 1).error, measured.error) << "threads change the result";
  // Every head with every candidate, one launch of the oracle for each.
  const std::vector<HeadTask> dense(p.tensors.heads);
  inputs.set_tasks(dense);
  const std::vector<double> exact = inputs.by_definition<double>();
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    inputs.set_tasks(std::vector<HeadTask>(p.tensors.heads, candidates[c]));
    const std::vector<double> sparse = inputs.by_definition<double>();
    for (std::size_t head = 0; head < measured.norm.size(); ++head) {
      double error = 0.0;
      double norm = 0.0;
      for (const std::int32_t row : rows) {
        for (std::int32_t d = 0; d < p.tensors.head_dim; ++d) {
          const std::size_t at =
              (head * static_cast<std::size_t>(p.tensors.tokens) + row) * p.tensors.head_dim + d;
          error += (sparse[at] - exact[at]) * (sparse[at] - exact[at]);
          norm += exact[at] * exact[at];
        }
      }
      // Rows are fp32: their error of some 100 roundings enters squared and through the cross term.
      const double rounding = 200 * 0x1p-24 * (1.0 + GetParam().spread);
      const double got = measured.error[head * candidates.size() + c];
      EXPECT_NEAR(std::sqrt(got), std::sqrt(error), rounding * std::sqrt(norm))
          << "head " << head << ", candidate " << c;
      EXPECT_NEAR(measured.norm[head], norm, 2 * rounding * norm);
      if (candidates[c].mode == HeadMode::kDense) {
        EXPECT_EQ(got, 0.0);
      }
    }
  }
}

TEST_P(Profiling, MapsAreTheBlockMeansOfTheSoftmax) {
  Inputs inputs(GetParam());
  const AttentionParams p = inputs.params();
  for (const std::int32_t stride : {1, 3}) {
    const std::int32_t size = std::min(p.tensors.tokens, 9);
    std::vector<float> map(
        static_cast<std::size_t>(p.tensors.batch) * p.tensors.heads * size * size, -1.0f);
    const Status status = attention_map_cpu(
        {.tensors = p.tensors, .size = size, .query_stride = stride, .map = map.data()});
    ASSERT_TRUE(status.ok) << status.reason;
    const std::int32_t block = (p.tensors.tokens + size - 1) / size;
    for (std::int32_t item = 0; item < p.tensors.batch * p.tensors.heads; ++item) {
      const std::vector<double> weights =
          inputs.dense_weights(item / p.tensors.heads, item % p.tensors.heads);
      for (std::int32_t i = 0; i < size; ++i) {
        for (std::int32_t j = 0; j < size; ++j) {
          double sum = 0.0;
          int queries = 0;
          for (std::int32_t q = i * block; q < std::min(p.tensors.tokens, (i + 1) * block);
               q += stride) {
            ++queries;
            for (std::int32_t k = j * block; k < std::min(p.tensors.tokens, (j + 1) * block); ++k) {
              sum += weights[static_cast<std::size_t>(q) * p.tensors.tokens + k];
            }
          }
          ASSERT_NEAR(map[(static_cast<std::size_t>(item) * size + i) * size + j],
                      queries == 0 ? 0.0 : sum / queries, 200 * 0x1p-24 * (1.0 + GetParam().spread))
              << "head " << item << ", block " << i << ", " << j;
        }
      }
    }
  }
}

// Two key tiles of 64; every query scores `score` with the first and 0 with the second, whose
// values are 1 and 2.
struct TwoTiles {
  static constexpr std::int32_t kTokens = 128, kDim = 64;
  std::vector<float> q = std::vector<float>(kTokens * kDim), k = q, v = q;
  KeyRun second{.first = 1, .count = 1};
  std::vector<std::int32_t> begin{0, 1}, order = std::vector<std::int32_t>(kTokens);
  std::vector<std::int32_t> same_order;
  std::vector<TileListView> lists;

  explicit TwoTiles(float score) {
    for (std::int32_t token = 0; token < kTokens; ++token) {
      q[token * kDim] = 1.0f;
      k[token * kDim] = token < kKeyTile ? score : 0.0f;
      std::fill_n(&v[token * kDim], kDim, token < kKeyTile ? 1.0f : 2.0f);
      order[token] = token;
    }
    same_order = order;
    lists = {{{&second, 1}, begin, order}, {{&second, 1}, begin, same_order}};
  }
  AttentionParams params() const {
    const Strides strides{kTokens * kDim, kTokens * kDim, kDim};
    return {.tensors = {.q = q.data(),
                        .k = k.data(),
                        .v = v.data(),
                        .q_strides = strides,
                        .k_strides = strides,
                        .v_strides = strides,
                        .heads = 1,
                        .tokens = kTokens,
                        .head_dim = kDim,
                        .scale = 1.0f},
            .lists = lists};
  }
};

TEST(HeadErrors, ACandidateFarBelowTheMaximumIsStillNormalised) {
  const TwoTiles inputs(5000.0f);  // e^-5000 is 0 in double too
  const std::vector<HeadTask> candidates{{HeadMode::kSparse, 0}};
  const Errors found = measure(inputs.params(), {0, 77}, candidates);
  // A base-2 score of 7,200 is rounded by up to 2^-12 in fp32, and its weight with it.
  const double rounding = 2 * 0x1p-12 * TwoTiles::kDim;
  EXPECT_NEAR(found.norm[0], 2.0 * TwoTiles::kDim, rounding);
  EXPECT_NEAR(found.error[0], 2.0 * TwoTiles::kDim, rounding);
}

TEST(HeadErrors, ListsOfOneOrderNeedNotShareItsMemory) {
  const TwoTiles inputs(1.0f);
  const std::vector<HeadTask> candidates{{HeadMode::kSparse, 0}, {HeadMode::kSparse, 1}};
  const Errors found = measure(inputs.params(), {3}, candidates);
  EXPECT_GT(found.error[0], 0.0);
  EXPECT_EQ(found.error[0], found.error[1]);
}

INSTANTIATE_TEST_SUITE_P(Cases, Profiling, ::testing::ValuesIn(testing::attention_cases()),
                         [](const auto& test) { return test.param.why; });

}  // namespace
}  // namespace twill::kernels
