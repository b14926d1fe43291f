// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Each loop over a tile, for every instruction set that this processor has.
#include "cpu/tile_ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace twill::kernels {
namespace {

class TileOpsTest : public ::testing::TestWithParam<const TileOps*> {
 protected:
  std::vector<float> random(std::size_t count) {
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (float& value : values) {
      value = normal(generator_);
    }
    return values;
  }
  const TileOps& ops() const { return *GetParam(); }
  std::mt19937 generator_{7};
};

// Row counts around the blocks of 6, 2 and 1 that the product is made of.
constexpr std::int32_t kCounts[] = {1, 2, 5, 6, 7, 13, 128};

TEST_P(TileOpsTest, ScoresAreTheProductWithEveryKey) {
  for (const std::int32_t count : kCounts) {
    for (const std::int32_t dim : {16, 64, 80}) {
      const std::vector<float> q = random(static_cast<std::size_t>(count) * dim);
      const std::vector<float> k = random(static_cast<std::size_t>(kKeyTile) * dim);
      std::vector<float> panels(k.size());
      ops().pack_keys(k.data(), dim, panels.data());
      std::vector<float> scores(static_cast<std::size_t>(count) * kKeyTile);
      ops().scores(q.data(), count, panels.data(), dim, scores.data());
      for (std::int32_t row = 0; row < count; ++row) {
        for (std::int32_t key = 0; key < kKeyTile; ++key) {
          double exact = 0.0;
          double size = 0.0;
          for (std::int32_t d = 0; d < dim; ++d) {
            const double term = static_cast<double>(q[row * dim + d]) * k[key * dim + d];
            exact += term;
            size += std::abs(term);
          }
          ASSERT_NEAR(scores[row * kKeyTile + key], exact, dim * 0x1p-24 * size)
              << count << " rows, head_dim " << dim << ", row " << row << ", key " << key;
        }
      }
    }
  }
}

TEST_P(TileOpsTest, ValuesAreAddedByTheirWeights) {
  for (const std::int32_t count : kCounts) {
    for (const std::int32_t dim : {16, 64, 80}) {
      const std::vector<float> w = random(static_cast<std::size_t>(count) * kKeyTile);
      const std::vector<float> v = random(static_cast<std::size_t>(kKeyTile) * dim);
      const std::vector<float> before = random(static_cast<std::size_t>(count) * dim);
      std::vector<float> out = before;
      ops().add_values(w.data(), count, v.data(), dim, out.data());
      for (std::int32_t row = 0; row < count; ++row) {
        for (std::int32_t d = 0; d < dim; ++d) {
          double exact = before[row * dim + d];
          double size = std::abs(exact);
          for (std::int32_t key = 0; key < kKeyTile; ++key) {
            const double term = static_cast<double>(w[row * kKeyTile + key]) * v[key * dim + d];
            exact += term;
            size += std::abs(term);
          }
          ASSERT_NEAR(out[row * dim + d], exact, (kKeyTile + 1) * 0x1p-24 * size)
              << count << " rows, head_dim " << dim;
        }
      }
    }
  }
}

TEST_P(TileOpsTest, StepsOfTheSoftmaxJoinIntoOne) {
  constexpr std::int32_t kCount = 7;
  constexpr std::int32_t kDim = 16;
  std::vector<float> maximum(kCount, -std::numeric_limits<float>::infinity());
  std::vector<float> sum(kCount, 0.0f);
  std::vector<float> out(kCount * kDim, 0.0f);
  std::vector<std::vector<double>> scores(kCount);
  // The third step raises the maximum by so much that what was before vanishes.
  const float offsets[] = {0.0f, 5.0f, 400.0f, -300.0f};
  for (int step = 0; step < 4; ++step) {
    const std::int32_t keys = step == 3 ? 10 : kKeyTile;
    std::vector<float> s = random(static_cast<std::size_t>(kCount) * kKeyTile);
    for (float& value : s) {
      value = 3.0f * value + offsets[step];
    }
    for (std::int32_t row = 0; row < kCount; ++row) {
      for (std::int32_t key = 0; key < keys; ++key) {
        scores[row].push_back(s[row * kKeyTile + key]);
      }
    }
    ops().softmax_step(s.data(), kCount, keys, kDim, maximum.data(), sum.data(), out.data());
    // Ones as values: what is summed is the softmax's own denominator.
    const std::vector<float> ones(kKeyTile * kDim, 1.0f);
    ops().add_values(s.data(), kCount, ones.data(), kDim, out.data());
    for (std::int32_t row = 0; row < kCount; ++row) {
      double most = -std::numeric_limits<double>::infinity();
      for (const double score : scores[row]) {
        most = std::max(most, score);
      }
      double exact = 0.0;
      for (const double score : scores[row]) {
        exact += std::exp2(score - most);
      }
      ASSERT_EQ(maximum[row], static_cast<float>(most));
      ASSERT_NEAR(sum[row], exact, exact * 300 * 0x1p-24) << "step " << step;
      ASSERT_NEAR(out[row * kDim + 3], exact, exact * 300 * 0x1p-24) << "step " << step;
    }
  }
}

TEST_P(TileOpsTest, PowersOfTwoAreWithinTwoUnitsInTheLastPlace) {
  std::vector<float> s(kKeyTile);
  double worst = 0.0;
  for (int block = 0; block < 4000; ++block) {
    s[0] = 0.0f;  // the maximum
    for (std::int32_t key = 1; key < kKeyTile; ++key) {
      s[key] = -120.0f * static_cast<float>(block * kKeyTile + key) / (4000.0f * kKeyTile);
    }
    const std::vector<float> x = s;
    float maximum = -std::numeric_limits<float>::infinity();
    float sum = 0.0f;
    ops().softmax_step(s.data(), 1, kKeyTile, 0, &maximum, &sum, nullptr);
    for (std::int32_t key = 0; key < kKeyTile; ++key) {
      const double exact = std::exp2(static_cast<double>(x[key]));
      worst = std::max(worst, std::abs(s[key] - exact) / exact);
    }
  }
  EXPECT_LE(worst, 2 * 0x1p-23);
}

TEST_P(TileOpsTest, RowsAreGatheredScaledAndStored) {
  const std::vector<float> from = random(40 * 16);
  const std::vector<std::int32_t> tokens{39, 0, 7};
  std::vector<float> rows(3 * 16);
  ops().gather_rows({.base = from.data(), .token_stride = 16, .tokens = tokens.data(), .count = 3},
                    16, 2.0f, rows.data());
  for (int row = 0; row < 3; ++row) {
    for (int d = 0; d < 16; ++d) {
      ASSERT_EQ(rows[row * 16 + d], 2.0f * from[tokens[row] * 16 + d]);
    }
  }
  std::vector<float> out(16);
  ops().store_row(rows.data(), 16, 0.5f, Dtype::kF32, out.data());
  EXPECT_EQ(out, std::vector<float>(from.begin() + 39 * 16, from.begin() + 40 * 16));
}

INSTANTIATE_TEST_SUITE_P(Processor, TileOpsTest,
                         ::testing::ValuesIn(supported_tile_ops().begin(),
                                             supported_tile_ops().end()),
                         [](const auto& test) { return std::string(test.param->instructions); });

}  // namespace
}  // namespace twill::kernels
