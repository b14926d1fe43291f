// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "int8_bounds.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace twill::kernels::testing {
namespace {

constexpr double kSigned = 127.0;
constexpr double kWeight = 255.0;
// A weight is rounded to half a unit; before that to fp16, whose last digit is 1/8 at 128 and more.
constexpr double kWeightError = 0.5 + 1.0 / 16;
// Sums of values carry up to 4 times 1.5 * 2^23 for a while, in fp32, and as much again is allowed
// for what they hold: half a last digit at each of
// a tile's two additions, and when it is taken away.
constexpr double kBaseError = 3 * 6.5;

// [tokens, head_dim] in double.
class Rows {
 public:
  Rows(const std::vector<float>& values, std::int32_t dim)
      : values_(values.begin(), values.end()), dim_(dim) {}
  double* operator[](std::int32_t row) { return values_.data() + std::int64_t{row} * dim_; }
  std::int32_t count() const { return static_cast<std::int32_t>(values_.size()) / dim_; }
  std::int32_t dim() const { return dim_; }

 private:
  std::vector<double> values_;
  std::int32_t dim_;
};

std::vector<double> means(Rows& rows) {
  std::vector<double> mean(rows.dim(), 0.0);
  for (std::int32_t row = 0; row < rows.count(); ++row) {
    for (std::int32_t d = 0; d < rows.dim(); ++d) {
      mean[d] += rows[row][d] / rows.count();
    }
  }
  return mean;
}

// x H / sqrt(size): one matrix over all channels where their number is a power of two, else one for
// each channel of a group of dim / 32, over the groups.
void rotate(double* row, std::int32_t dim) {
  const bool whole = std::has_single_bit(static_cast<unsigned>(dim));
  const std::int32_t apart_least = whole ? 1 : dim / 32;
  for (std::int32_t apart = apart_least; apart < dim; apart *= 2) {
    for (std::int32_t i = 0; i < dim; ++i) {
      if (i / apart % 2 == 0) {
        const double low = row[i];
        row[i] = low + row[i + apart];
        row[i + apart] = low - row[i + apart];
      }
    }
  }
  for (std::int32_t i = 0; i < dim; ++i) {
    row[i] /= std::sqrt(whole ? static_cast<double>(dim) : 32.0);
  }
}

double largest(const double* row, std::int32_t dim) {
  double most = 0.0;
  for (std::int32_t d = 0; d < dim; ++d) {
    most = std::max(most, std::abs(row[d]));
  }
  return most;
}

// A head's queries, keys and values as they are quantised, with their scales.
struct Head {
  Rows q, k, v;
  std::vector<double> unit;                    // of v's channels
  std::vector<double> query_scale;             // [tokens]
  std::vector<double> key_scale, value_scale;  // [key tiles]
  std::vector<std::int32_t> tile_of;           // [tokens]

  Head(Inputs& inputs, std::int32_t batch, std::int32_t head)
      : q(inputs.rows_of(0, batch, head), inputs.test_case().head_dim),
        k(inputs.rows_of(1, batch, head), inputs.test_case().head_dim),
        v(inputs.rows_of(2, batch, head), inputs.test_case().head_dim) {
    const std::int32_t tokens = q.count();
    const std::int32_t dim = q.dim();
    smooth(means(k), means(v));
    tile_of.resize(tokens);
    const std::vector<std::int32_t> positions = inputs.position_to_token(head);
    for (std::int32_t position = 0; position < tokens; ++position) {
      tile_of[positions.empty() ? position : positions[position]] = position / kKeyTile;
    }
    key_scale.assign(tile_count(tokens, kKeyTile), 0.0);
    value_scale = key_scale;
    for (std::int32_t token = 0; token < tokens; ++token) {
      rotate(q[token], dim);
      rotate(k[token], dim);
      query_scale.push_back(largest(q[token], dim) / kSigned);
      double& of_keys = key_scale[tile_of[token]];
      double& of_values = value_scale[tile_of[token]];
      of_keys = std::max(of_keys, largest(k[token], dim) / kSigned);
      of_values = std::max(of_values, largest(v[token], dim) / kSigned);
    }
  }

  double score_error(std::int32_t query, std::int32_t key) {
    // A shift is rounded up twice, beside 1.5 * 2^23 units: the unit of the weights is that of a
    // score of up to 4 units more.
    double error = 4.0 * query_scale[query] * key_scale[tile_of[key]];
    const double half_key = 0.5 * key_scale[tile_of[key]];
    const double half_query = 0.5 * query_scale[query];
    for (std::int32_t d = 0; d < q.dim(); ++d) {
      error += (std::abs(q[query][d]) + half_query) * half_key + std::abs(k[key][d]) * half_query;
    }
    return error;
  }

 private:
  void smooth(const std::vector<double>& key_mean, const std::vector<double>& value_mean) {
    const std::int32_t dim = k.dim();
    unit.assign(dim, 0.0);
    for (std::int32_t token = 0; token < k.count(); ++token) {
      for (std::int32_t d = 0; d < dim; ++d) {
        k[token][d] -= key_mean[d];
        v[token][d] -= value_mean[d];
        unit[d] += v[token][d] * v[token][d] / k.count();
      }
    }
    double most = 0.0;
    for (double& value : unit) {
      value = std::sqrt(value);
      most = std::max(most, value);
    }
    for (double& value : unit) {
      value = std::max(value, most > 0.0 ? most / 64.0 : 1.0);
    }
    for (std::int32_t token = 0; token < k.count(); ++token) {
      for (std::int32_t d = 0; d < dim; ++d) {
        v[token][d] /= unit[d];
      }
    }
  }
};

// Of one row: `scores` of its keys as they are.
void bound_row(Head& head, std::int32_t query, const std::vector<std::int32_t>& keys, double scale,
               double* output, double& log_sum) {
  const std::int32_t dim = head.q.dim();
  if (keys.empty()) {
    std::fill_n(output, dim, 0.0);
    log_sum = 0.0;
    return;
  }
  std::vector<double> weights;
  double most = -std::numeric_limits<double>::infinity();
  for (const std::int32_t key : keys) {
    double score = 0.0;
    for (std::int32_t d = 0; d < dim; ++d) {
      score += head.q[query][d] * head.k[key][d];
    }
    weights.push_back(score * scale);
    most = std::max(most, score * scale);
  }
  double total = 0.0;
  for (double& weight : weights) {
    weight = std::exp(weight - most);
    total += weight;
  }
  std::vector<double> tile_most(head.key_scale.size(), 0.0);
  std::vector<double> change(keys.size());  // of a weight, at most
  for (std::size_t i = 0; i < keys.size(); ++i) {
    weights[i] /= total;
    const double grown =
        weights[i] * std::exp(std::min(scale * head.score_error(query, keys[i]), 700.0));
    change[i] = grown - weights[i];
    double& of_tile = tile_most[head.tile_of[keys[i]]];
    of_tile = std::max(of_tile, grown);
  }
  double changes = 0.0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    change[i] += kWeightError / kWeight * tile_most[head.tile_of[keys[i]]];
    changes += change[i];
  }
  std::vector<double> exact(dim, 0.0);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    for (std::int32_t d = 0; d < dim; ++d) {
      exact[d] += weights[i] * head.v[keys[i]][d];
    }
  }
  double value_error = 0.0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    value_error = std::max(value_error, 0.5 * head.value_scale[head.tile_of[keys[i]]]);
  }
  double base_error = 0.0;
  for (std::size_t tile = 0; tile < tile_most.size(); ++tile) {
    base_error += kBaseError / kWeight * tile_most[tile] * head.value_scale[tile];
  }
  for (std::int32_t d = 0; d < dim; ++d) {
    double moved = base_error;
    double reach = 0.0;  // no mean of values is farther away, however wrong its weights are
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const double distance = std::abs(head.v[keys[i]][d] - exact[d]);
      moved += change[i] * distance;
      reach = std::max(reach, distance);
    }
    const double by_weights = changes < 1.0 ? std::min(moved / (1.0 - changes), reach) : reach;
    output[d] = head.unit[d] * (by_weights + base_error + value_error);
  }
  log_sum = changes < 1.0 ? -std::log1p(-changes) : std::numeric_limits<double>::infinity();
}

}  // namespace

Int8Bounds int8_bounds(Inputs& inputs) {
  const AttentionParams p = inputs.params();
  const std::int32_t tokens = p.tensors.tokens;
  const std::int32_t dim = p.tensors.head_dim;
  const std::size_t rows = static_cast<std::size_t>(p.tensors.batch) * p.tensors.heads * tokens;
  Int8Bounds bounds{std::vector<double>(rows * dim, 0.0), std::vector<double>(rows, 0.0)};
  for (std::int32_t item = 0; item < p.tensors.batch * p.tensors.heads; ++item) {
    const std::int32_t index = item % p.tensors.heads;
    const HeadMode mode = p.tasks[index].mode;
    if (mode != HeadMode::kDense && mode != HeadMode::kSparse) {
      continue;
    }
    Head head(inputs, item / p.tensors.heads, index);
    const std::vector<bool> kept = inputs.kept_keys(index);
    for (std::int32_t query = 0; query < tokens; ++query) {
      std::vector<std::int32_t> keys;
      for (std::int32_t key = 0; key < tokens; ++key) {
        if (kept[static_cast<std::size_t>(query) * tokens + key]) {
          keys.push_back(key);
        }
      }
      const std::size_t row = static_cast<std::size_t>(item) * tokens + query;
      bound_row(head, query, keys, p.tensors.scale, &bounds.output[row * dim],
                bounds.log_sums[row]);
    }
  }
  return bounds;
}

}  // namespace twill::kernels::testing
