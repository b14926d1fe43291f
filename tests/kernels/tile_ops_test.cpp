// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Each loop over a tile, for every instruction set that this processor has.
#include "cpu/tile_ops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "elements.h"

namespace twill::kernels {
namespace {

struct Table {
  const TileOps* ops = nullptr;
  Dtype dtype = Dtype::kF32;  // of the inputs
};

// Rows of random numbers that `dtype` holds exactly, as it stores them and in double.
struct Rows {
  std::vector<std::uint8_t> memory;
  std::vector<double> values;
};

class TileOpsTest : public ::testing::TestWithParam<Table> {
 protected:
  Rows random_rows(std::int32_t count, std::int32_t dim) {
    std::normal_distribution<float> normal;
    Rows rows;
    const auto size = static_cast<std::size_t>(count) * dim;
    rows.memory.resize(size * element_bytes(GetParam().dtype));
    rows.values.resize(size);
    with_element(GetParam().dtype, [&](auto element) {
      auto* to = reinterpret_cast<decltype(element)*>(rows.memory.data());
      for (std::size_t i = 0; i < size; ++i) {
        from_float(normal(generator_), to[i]);
        rows.values[i] = static_cast<double>(to_float(to[i]));
      }
    });
    return rows;
  }
  RowSource source(const Rows& rows, std::int32_t count, std::int32_t dim) const {
    return {
        .base = rows.memory.data(), .token_stride = dim, .dtype = GetParam().dtype, .count = count};
  }
  const TileOps& ops() const { return *GetParam().ops; }
  // What rounding a weight to the products' elements may lose.
  double weight_roundoff() const { return ops().word_elements == 2 ? 0x1p-8 : 0x1p-24; }
  std::mt19937 generator_{7};
};

// What one tile after another adds up to.
class Attention {
 public:
  Attention(const TileOps& ops, std::int32_t count, std::int32_t dim, float factor)
      : ops_(ops),
        dim_(dim),
        factor_(factor),
        queries_(static_cast<std::size_t>(count) * dim),
        keys_(static_cast<std::size_t>(kKeyTile) * dim),
        values_(keys_.size()),
        maximum(count, -std::numeric_limits<float>::infinity()),
        sum(count, 0.0f),
        out(static_cast<std::size_t>(count) * dim, 0.0f) {}

  void set_queries(const RowSource& source, bool negate = false) {
    ops_.pack_queries(source, dim_, negate, queries_.data());
  }
  void add(const RowSource& keys, const RowSource* values) {
    ops_.pack_keys(keys, dim_, keys_.data());
    if (values != nullptr) {
      ops_.pack_values(*values, dim_, values_.data());
    }
    ops_.step({.queries = queries_.data(),
               .count = static_cast<std::int32_t>(maximum.size()),
               .keys = keys_.data(),
               .values = values != nullptr ? values_.data() : nullptr,
               .keys_in_tile = keys.count,
               .head_dim = dim_,
               .factor = factor_,
               .maximum = maximum.data(),
               .sum = sum.data(),
               .out = values != nullptr ? out.data() : nullptr});
  }

 private:
  const TileOps& ops_;
  std::int32_t dim_;
  float factor_;
  std::vector<float> queries_, keys_, values_;

 public:
  std::vector<float> maximum, sum, out;
};

double score_of(const Rows& q, std::int32_t row, const Rows& k, std::int32_t key,
                std::int32_t dim) {
  double score = 0.0;
  for (std::int32_t d = 0; d < dim; ++d) {
    score += q.values[row * dim + d] * k.values[key * dim + d];
  }
  return score;
}

// Row counts around the blocks of 6, 4 and 1 that the product is made of and the 24 rows that are
// computed at a time; widths with and without a panel of less than full width; a tile with all its
// keys and ragged ones.
constexpr std::int32_t kCounts[] = {1, 5, 6, 8, 13, 24, 33, 128};
constexpr std::int32_t kDims[] = {16, 64, 80, 128, 256};

TEST_P(TileOpsTest, AStepIsTheSoftmaxOfItsTile) {
  for (const std::int32_t count : kCounts) {
    for (const std::int32_t dim : kDims) {
      for (const std::int32_t keys : {64, 37, 1}) {
        const float factor = 1.4f / std::sqrt(static_cast<float>(dim));
        const Rows q = random_rows(count, dim);
        const Rows k = random_rows(keys, dim);
        const Rows v = random_rows(keys, dim);
        Attention attention(ops(), count, dim, factor);
        attention.set_queries(source(q, count, dim));
        const RowSource values = source(v, keys, dim);
        attention.add(source(k, keys, dim), &values);
        for (std::int32_t row = 0; row < count; ++row) {
          std::vector<double> weights(keys);
          double most = -std::numeric_limits<double>::infinity();
          double sum = 0.0;
          for (std::int32_t key = 0; key < keys; ++key) {
            weights[key] = static_cast<double>(factor) * score_of(q, row, k, key, dim);
            most = std::max(most, weights[key]);
          }
          for (double& weight : weights) {
            weight = std::exp2(weight - static_cast<double>(attention.maximum[row]));
            sum += weight;
          }
          // Scores are sums of dim products of size about 1, each rounded.
          const double score_error = dim * 0x1p-24;
          ASSERT_NEAR(attention.maximum[row], most, 4 * score_error);
          ASSERT_NEAR(attention.sum[row], sum, 4 * score_error * sum);
          for (std::int32_t d = 0; d < dim; ++d) {
            double exact = 0.0;
            double size = 0.0;
            for (std::int32_t key = 0; key < keys; ++key) {
              exact += weights[key] * v.values[key * dim + d];
              size += weights[key] * std::abs(v.values[key * dim + d]);
            }
            ASSERT_NEAR(attention.out[row * dim + d], exact,
                        (4 * score_error + weight_roundoff() + 64 * 0x1p-24) * size)
                << count << " rows, head_dim " << dim << ", " << keys << " keys, row " << row;
          }
        }
      }
    }
  }
}

TEST_P(TileOpsTest, NegatedQueriesTurnTheScores) {
  const Rows q = random_rows(1, 16);
  const Rows k = random_rows(1, 16);
  Attention attention(ops(), 1, 16, 1.0f);
  attention.set_queries(source(q, 1, 16), true);
  attention.add(source(k, 1, 16), nullptr);
  EXPECT_NEAR(attention.maximum[0], -score_of(q, 0, k, 0, 16), 1e-5);
}

TEST_P(TileOpsTest, StepsJoinIntoOneSoftmax) {
  constexpr std::int32_t kCount = 7;
  constexpr std::int32_t kDim = 16;
  // One-hot queries pick a channel of the keys as score: any scores that the dtype holds.
  Rows q = random_rows(kCount, kDim);
  Rows ones = random_rows(kKeyTile, kDim);
  const auto set = [&](Rows& rows, const auto& value_of) {
    with_element(GetParam().dtype, [&](auto element) {
      auto* to = reinterpret_cast<decltype(element)*>(rows.memory.data());
      for (std::size_t i = 0; i < rows.values.size(); ++i) {
        from_float(value_of(i), to[i]);
        rows.values[i] = static_cast<double>(to_float(to[i]));
      }
    });
  };
  set(q, [](std::size_t i) { return i % kDim == i / kDim ? 1.0f : 0.0f; });
  set(ones, [](std::size_t) { return 1.0f; });
  Attention attention(ops(), kCount, kDim, 1.0f);
  attention.set_queries(source(q, kCount, kDim));
  std::vector<std::vector<double>> scores(kCount);
  // The second raises the maximum by too little to be followed, the third by so much that what was
  // before vanishes; the fourth vanishes itself.
  const float offsets[] = {0.0f, 5.0f, 400.0f, -300.0f, 403.0f};
  std::normal_distribution<float> normal;
  for (int step = 0; step < 5; ++step) {
    const std::int32_t keys = step == 3 ? 10 : kKeyTile;
    Rows k = random_rows(keys, kDim);
    set(k, [&](std::size_t) { return normal(generator_) + offsets[step]; });
    for (std::int32_t row = 0; row < kCount; ++row) {
      for (std::int32_t key = 0; key < keys; ++key) {
        scores[row].push_back(k.values[key * kDim + row]);
      }
    }
    RowSource values = source(ones, keys, kDim);
    attention.add(source(k, keys, kDim), &values);
    for (std::int32_t row = 0; row < kCount; ++row) {
      const double most = *std::ranges::max_element(scores[row]);
      // Within the growth that is let be.
      ASSERT_LE(attention.maximum[row], most + 1e-4);
      ASSERT_GE(attention.maximum[row], most - 8.001);
      double exact = 0.0;
      for (const double score : scores[row]) {
        exact += std::exp2(score - static_cast<double>(attention.maximum[row]));
      }
      ASSERT_NEAR(attention.sum[row], exact, exact * 300 * 0x1p-24) << "step " << step;
      // Ones as values: the softmax's own denominator.
      ASSERT_NEAR(attention.out[row * kDim + 3], exact, exact * (300 * 0x1p-24 + weight_roundoff()))
          << "step " << step;
    }
  }
}

TEST_P(TileOpsTest, PowersOfTwoAreWithinTwoUnitsInTheLastPlace) {
  if (ops().word_elements == 2) {
    GTEST_SKIP() << "weights are rounded to bf16";
  }
  // One query of 1, keys of one score each, one-hot values: out is the weights themselves.
  double worst = 0.0;
  std::vector<float> q(64, 0.0f), k(64 * 64), v(64 * 64, 0.0f);
  q[0] = 1.0f;
  for (int i = 0; i < 64; ++i) {
    v[i * 64 + i] = 1.0f;
  }
  const auto fp32_rows = [](const std::vector<float>& rows, std::int32_t count) {
    return RowSource{.base = rows.data(), .token_stride = 64, .count = count};
  };
  for (int block = 0; block < 4000; ++block) {
    for (int key = 1; key < 64; ++key) {  // key 0 is the maximum, 0
      k[key * 64] = -120.0f * static_cast<float>(block * kKeyTile + key) / (4000.0f * kKeyTile);
    }
    Attention attention(ops(), 1, 64, 1.0f);
    attention.set_queries(fp32_rows(q, 1));
    const RowSource values = fp32_rows(v, 64);
    attention.add(fp32_rows(k, 64), &values);
    for (int key = 0; key < 64; ++key) {
      const double exact = std::exp2(static_cast<double>(k[key * 64]));
      worst = std::max(worst, std::abs(attention.out[key] - exact) / exact);
    }
  }
  EXPECT_LE(worst, 2 * 0x1p-23);
}

TEST_P(TileOpsTest, ScaledRowsAreAddedInDouble) {
  for (const std::int32_t dim : {16, 64, 72}) {  // 72: not whole vectors
    const Rows rows = random_rows(1, dim);
    const std::vector<float> row(rows.values.begin(), rows.values.end());
    std::vector<double> sum(dim, 0.25);
    ops().add_scaled(row.data(), dim, 0x1p-40, sum.data());
    for (std::int32_t d = 0; d < dim; ++d) {
      EXPECT_EQ(sum[d], 0.25 + 0x1p-40 * static_cast<double>(row[d]));
    }
  }
}

TEST_P(TileOpsTest, TokensAreTakenInTheirOrder) {
  constexpr std::int32_t kDim = 16;
  const Rows rows = random_rows(40, kDim);
  const std::vector<std::int32_t> tokens{39, 0, 7};
  RowSource picked = source(rows, 3, kDim);
  picked.tokens = tokens.data();
  std::vector<double> sum(kDim, 0.5);
  ops().add_rows(picked, kDim, sum.data());
  for (std::int32_t d = 0; d < kDim; ++d) {
    EXPECT_DOUBLE_EQ(sum[d],
                     0.5 + rows.values[39 * kDim + d] + rows.values[d] + rows.values[7 * kDim + d]);
  }
  // As queries, keys and values too: query i meets only its own key.
  Attention attention(ops(), 3, kDim, 1000.0f);
  attention.set_queries(picked);
  attention.add(picked, &picked);
  for (std::int32_t row = 0; row < 3; ++row) {
    double best = -1e30;
    std::int32_t winner = 0;
    for (std::int32_t key = 0; key < 3; ++key) {
      double score = 0.0;
      for (std::int32_t d = 0; d < kDim; ++d) {
        score += rows.values[tokens[row] * kDim + d] * rows.values[tokens[key] * kDim + d];
      }
      if (score > best) {
        best = score;
        winner = key;
      }
    }
    for (std::int32_t d = 0; d < kDim; ++d) {
      EXPECT_NEAR(attention.out[row * kDim + d] / attention.sum[row],
                  rows.values[tokens[winner] * kDim + d], 1e-2);
    }
  }
}

TEST_P(TileOpsTest, RowsAreScaledAndStored) {
  const std::vector<float> row{1.0f, -2.0f, 0.5f, 4.0f, 8.0f, 16.0f, 3.0f,  5.0f,
                               1.5f, 2.5f,  3.5f, 7.0f, 9.0f, 11.0f, 13.0f, -1.0f};
  std::vector<float> out(16);
  ops().store_row(row.data(), 16, 0.5f, Dtype::kF32, out.data());
  std::vector<Bf16> half(16);
  ops().store_row(row.data(), 16, 0.5f, Dtype::kBf16, half.data());
  for (int d = 0; d < 16; ++d) {
    EXPECT_EQ(out[d], 0.5f * row[d]);
    EXPECT_EQ(to_float(half[d]), 0.5f * row[d]);
  }
}

std::vector<Table> all_tables() {
  std::vector<Table> tables;
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBf16, Dtype::kF16}) {
    for (const TileOps* ops : supported_tile_ops(dtype)) {
      tables.push_back({ops, dtype});
    }
  }
  return tables;
}

std::string name_of(const Table& table) {
  constexpr const char* kNames[] = {"_f32", "_bf16", "_f16"};
  return std::string(table.ops->instructions) + kNames[static_cast<int>(table.dtype)];
}

INSTANTIATE_TEST_SUITE_P(Processor, TileOpsTest, ::testing::ValuesIn(all_tables()),
                         [](const auto& test) { return name_of(test.param); });

}  // namespace
}  // namespace twill::kernels
