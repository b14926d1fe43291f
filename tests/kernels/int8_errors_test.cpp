// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What INT8 loses, against the same roundings written again in double by loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <ostream>
#include <random>
#include <vector>

#include "twill/kernels/profiling.h"

namespace twill::kernels {
namespace {

using Rows = std::vector<std::vector<double>>;  // [tokens][head_dim]

struct Case {
  const char* why;
  std::int32_t tokens = 200;
  std::int32_t head_dim = 64;
  float spread = 2.0f;    // of the queries
  float outlier = 1.0f;   // channel 3 of the keys is so many times as large
  float key_mean = 0.0f;  // added to all keys
  float value_mean = 0.0f;
};
void PrintTo(const Case& row, std::ostream* out) { *out << row.why; }

struct Inputs {
  std::vector<float> q, k, v;
  std::int32_t tokens, head_dim;

  explicit Inputs(const Case& row) : tokens(row.tokens), head_dim(row.head_dim) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    for (std::int32_t i = 0; i < tokens * head_dim; ++i) {
      q.push_back(row.spread * normal(random));
      k.push_back(normal(random) * (i % head_dim == 3 ? row.outlier : 1.0f) + row.key_mean);
      v.push_back(normal(random) + row.value_mean);
    }
  }
  AttentionTensors tensors() const {
    const Strides strides{std::int64_t{tokens} * head_dim, std::int64_t{tokens} * head_dim,
                          head_dim};
    return {.q = q.data(),
            .k = k.data(),
            .v = v.data(),
            .q_strides = strides,
            .k_strides = strides,
            .v_strides = strides,
            .batch = 1,
            .heads = 1,
            .tokens = tokens,
            .head_dim = head_dim,
            .dtype = Dtype::kF32,
            .scale = 1.0f / std::sqrt(static_cast<float>(head_dim))};
  }
  double at(const std::vector<float>& of, std::int32_t token, std::int32_t channel) const {
    return of[static_cast<std::size_t>(token * head_dim + channel)];
  }
};

// sum |o8 - o0|^2 and sum |o0|^2 of some rows.
struct Lost {
  double error = 0.0, norm = 0.0;
};

class ByDefinition {
 public:
  explicit ByDefinition(const Inputs& in) : in_(in), dim_(in.head_dim) {
    // Channels that are `step` apart are one vector of a power of two.
    step_ = 1;
    while (!std::has_single_bit(static_cast<unsigned>(dim_ / step_)) || dim_ % step_ != 0) {
      ++step_;
    }
    const std::int32_t sampled = std::min(in.tokens, 2048);
    for (std::int32_t c = 0; c < dim_; ++c) {
      double keys = 0.0, values = 0.0, squares = 0.0;
      for (std::int32_t i = 0; i < sampled; ++i) {
        const auto token = static_cast<std::int32_t>(std::int64_t{i} * in.tokens / sampled);
        keys += in.at(in.k, token, c) / sampled;
        values += in.at(in.v, token, c) / sampled;
        squares += in.at(in.v, token, c) * in.at(in.v, token, c) / sampled;
      }
      key_mean_.push_back(keys);
      value_mean_.push_back(values);
      unit_.push_back(std::sqrt(squares - values * values));
    }
    const double most = *std::ranges::max_element(unit_);
    for (double& unit : unit_) {
      unit = std::max(unit, most / 64.0);
    }
  }

  Lost lost(const std::vector<std::int32_t>& rows) const {
    Lost sum;
    for (const std::int32_t row : rows) {
      const std::vector<double> exact = dense(row), rounded = in_int8(row);
      for (std::int32_t c = 0; c < dim_; ++c) {
        sum.error += (rounded[c] - exact[c]) * (rounded[c] - exact[c]);
        sum.norm += exact[c] * exact[c];
      }
    }
    return sum;
  }

 private:
  std::vector<double> rotated(const std::vector<double>& x) const {
    const std::int32_t size = dim_ / step_;
    std::vector<double> y(x.size());
    for (std::int32_t first = 0; first < step_; ++first) {
      for (std::int32_t i = 0; i < size; ++i) {
        for (std::int32_t j = 0; j < size; ++j) {
          const int sign = std::popcount(static_cast<unsigned>(i & j)) % 2 == 0 ? 1 : -1;
          y[first + i * step_] += sign * x[first + j * step_] / std::sqrt(size);
        }
      }
    }
    return y;
  }
  static double largest(const Rows& rows) {
    double most = 0.0;
    for (const auto& row : rows) {
      for (const double value : row) {
        most = std::max(most, std::abs(value));
      }
    }
    return most;
  }
  static void round_all(Rows& rows, double unit) {
    for (auto& row : rows) {
      for (double& value : row) {
        value = unit > 0.0 ? std::nearbyint(value / unit) : 0.0;
      }
    }
  }

  std::vector<double> dense(std::int32_t row) const {
    std::vector<double> weights, out(dim_);
    double most = -1e300, total = 0.0;
    for (std::int32_t key = 0; key < in_.tokens; ++key) {
      double score = 0.0;
      for (std::int32_t c = 0; c < dim_; ++c) {
        score += in_.at(in_.q, row, c) * in_.at(in_.k, key, c) / std::sqrt(dim_);
      }
      weights.push_back(score);
      most = std::max(most, score);
    }
    for (std::int32_t key = 0; key < in_.tokens; ++key) {
      weights[key] = std::exp(weights[key] - most);
      total += weights[key];
    }
    for (std::int32_t key = 0; key < in_.tokens; ++key) {
      for (std::int32_t c = 0; c < dim_; ++c) {
        out[c] += weights[key] / total * in_.at(in_.v, key, c);
      }
    }
    return out;
  }

  std::vector<double> in_int8(std::int32_t row) const {
    std::vector<double> query;
    for (std::int32_t c = 0; c < dim_; ++c) {
      query.push_back(in_.at(in_.q, row, c));
    }
    Rows of_query{rotated(query)};
    const double query_unit = largest(of_query) / 127.0;
    round_all(of_query, query_unit);
    std::vector<double> out(dim_);
    double total = 0.0;
    for (std::int32_t first = 0; first < in_.tokens; first += 64) {
      const std::int32_t count = std::min(64, in_.tokens - first);
      Rows keys, values;
      for (std::int32_t key = first; key < first + count; ++key) {
        std::vector<double> k, v;
        for (std::int32_t c = 0; c < dim_; ++c) {
          k.push_back(in_.at(in_.k, key, c) - key_mean_[c]);
          v.push_back((in_.at(in_.v, key, c) - value_mean_[c]) / unit_[c]);
        }
        keys.push_back(rotated(k));
        values.push_back(v);
      }
      const double key_unit = largest(keys) / 127.0, value_unit = largest(values) / 127.0;
      round_all(keys, key_unit);
      round_all(values, value_unit);
      std::vector<double> scores;
      for (const auto& key : keys) {
        double score = 0.0;
        for (std::int32_t c = 0; c < dim_; ++c) {
          score += of_query[0][c] * key[c];
        }
        scores.push_back(score * query_unit * key_unit / std::sqrt(dim_));
      }
      const double most = *std::ranges::max_element(scores);
      for (std::int32_t key = 0; key < count; ++key) {
        const double weight = std::nearbyint(255.0 * std::exp(scores[key] - most)) * std::exp(most);
        total += weight;
        for (std::int32_t c = 0; c < dim_; ++c) {
          out[c] += weight * values[key][c] * value_unit;
        }
      }
    }
    for (std::int32_t c = 0; c < dim_; ++c) {
      out[c] = out[c] / total * unit_[c] + value_mean_[c];
    }
    return out;
  }

  const Inputs& in_;
  std::int32_t dim_, step_ = 1;
  std::vector<double> key_mean_, value_mean_, unit_;
};

// Some forty of them.
std::vector<std::int32_t> some_rows(std::int32_t tokens) {
  std::vector<std::int32_t> rows;
  for (std::int32_t row = 0; row < tokens; row += std::max(1, tokens / 40)) {
    rows.push_back(row);
  }
  return rows;
}

double measured(const Inputs& in, const std::vector<std::int32_t>& rows, std::int32_t threads = 1) {
  double error = -1.0;
  const Status status =
      int8_errors_cpu({.tensors = in.tensors(), .rows = rows, .error = &error, .threads = threads});
  EXPECT_TRUE(status.ok) << status.reason;
  return error;
}

class Int8Errors : public ::testing::TestWithParam<Case> {};

TEST_P(Int8Errors, AreThoseOfTheRoundingsByDefinition) {
  const Inputs in(GetParam());
  const std::vector<std::int32_t> rows = some_rows(in.tokens);
  const Lost lost = ByDefinition(in).lost(rows);
  ASSERT_GT(lost.norm, 0.0);
  EXPECT_GT(lost.error, 1e-6 * lost.norm) << "nothing was rounded";
  EXPECT_LT(lost.error, 0.01 * lost.norm) << "that is no rounding";
  // Values halfway between two integers go either way, in fp32 and in double.
  EXPECT_NEAR(measured(in, rows), lost.error, 0.02 * lost.error);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Int8Errors,
    ::testing::Values(Case{"head_dim_64"}, Case{"head_dim_128", 130, 128},
                      Case{"a_head_dim_of_three_powers_of_two", 200, 96},
                      Case{"one_whole_tile", 64, 64}, Case{"a_ragged_last_tile", 65, 64},
                      Case{"more_tokens_than_are_sampled", 2200, 64},
                      Case{"keys_with_a_mean", 200, 64, 2.0f, 1.0f, 5.0f},
                      Case{"a_channel_that_stands_out", 200, 64, 1.0f, 8.0f},
                      Case{"values_with_a_mean", 200, 64, 2.0f, 1.0f, 0.0f, 3.0f}),
    [](const auto& row) { return std::string(row.param.why); });

TEST(Int8Errors, AMeanOfTheKeysCostsNothing) {
  const std::vector<std::int32_t> rows = some_rows(200);
  const double without = measured(Inputs(Case{""}), rows);
  const double with = measured(Inputs(Case{"", 200, 64, 2.0f, 1.0f, 50.0f}), rows);
  EXPECT_NEAR(with, without, 0.05 * without);
}

TEST(Int8Errors, DoNotDependOnThreadsNorOnOtherHeads) {
  const Inputs in(Case{"", 190, 64});
  const std::vector<std::int32_t> rows = some_rows(in.tokens);
  AttentionTensors two = in.tensors();
  two.heads = 2;  // the same one twice
  two.q_strides.head = two.k_strides.head = two.v_strides.head = 0;
  for (const std::int32_t threads : {1, 2}) {
    double error[2] = {};
    EXPECT_TRUE(
        int8_errors_cpu({.tensors = two, .rows = rows, .error = error, .threads = threads}).ok);
    EXPECT_EQ(error[0], measured(in, rows));
    EXPECT_EQ(error[1], error[0]);
  }
}

TEST(Int8Errors, RefusalsSayWhy) {
  const Inputs in(Case{"", 64, 64});
  double error = 0.0;
  const auto reason = [&](AttentionTensors tensors, std::vector<std::int32_t> rows, double* to) {
    return int8_errors_cpu({.tensors = tensors, .rows = rows, .error = to}).reason;
  };
  EXPECT_EQ(reason(in.tensors(), {0}, nullptr), "q, k, v or error is null");
  EXPECT_EQ(reason(in.tensors(), {0, 64}, &error), "row 64 is not one of 0..63");
  AttentionTensors negative = in.tensors();
  negative.scale = -1.0f;
  EXPECT_EQ(reason(negative, {0}, &error), "scale -1.000000: the INT8 kernels take none below 0");
  AttentionTensors odd = in.tensors();
  odd.head_dim = 20;
  EXPECT_NE(reason(odd, {0}, &error), "");
}

}  // namespace
}  // namespace twill::kernels
