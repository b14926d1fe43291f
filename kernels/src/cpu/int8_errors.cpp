// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the INT8 kernels for GPUs lose, on a CPU: their roundings, step by step, for sampled rows.
// src/cuda/int8/quantise_kernel.cuh and tile_softmax.cuh say why each is there.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "../base2_factor.h"
#include "../checks.h"
#include "../cuda/int8/layout.h"
#include "../elements.h"
#include "thread_pool.h"
#include "twill/kernels/profiling.h"

namespace twill::kernels {
namespace {

using int8::kMostSigned;
using int8::kMostWeight;

// Of means and deviations, as the kernel that quantises samples them.
constexpr std::int32_t kSampledRows = 2048;
// Within these a row's factor stands, so that -infinity and the largest weight stay what they are.
constexpr float kLeastFactor = 1e-30f;
constexpr float kMostFactor = 4.0f;
// Partial sums that a compiler keeps in registers; head_dim is a multiple of it.
constexpr std::int32_t kLanes = 16;

float dot(const float* a, const float* b, std::int32_t size) {
  float sums[kLanes] = {};
  for (std::int32_t i = 0; i < size; i += kLanes) {
    for (std::int32_t lane = 0; lane < kLanes; ++lane) {
      sums[lane] += a[i + lane] * b[i + lane];
    }
  }
  float sum = 0.0f;
  for (const float part : sums) {
    sum += part;
  }
  return sum;
}

std::int32_t dot(const std::int8_t* a, const std::int8_t* b, std::int32_t size) {
  std::int32_t sum = 0;
  for (std::int32_t i = 0; i < size; ++i) {
    sum += std::int32_t{a[i]} * std::int32_t{b[i]};
  }
  return sum;
}

float largest_of(const float* values, std::int64_t count) {
  float most = 0.0f;
  for (std::int64_t i = 0; i < count; ++i) {
    most = std::max(most, std::abs(values[i]));
  }
  return most;
}

void round_to(const float* values, std::int64_t count, float most, std::int8_t* to) {
  const float per_unit = most > 0.0f ? kMostSigned / most : 0.0f;
  for (std::int64_t i = 0; i < count; ++i) {
    to[i] = static_cast<std::int8_t>(std::lrint(values[i] * per_unit));
  }
}

// x H / sqrt(size), in place: one matrix over all channels where they are a power of two, else one
// for each of the channels that are apart by their odd factor.
void rotate(float* x, std::int32_t head_dim) {
  const std::int32_t size = 1 << std::countr_zero(static_cast<std::uint32_t>(head_dim));
  const std::int32_t step = head_dim / size;
  const float norm = 1.0f / std::sqrt(static_cast<float>(size));
  for (std::int32_t first = 0; first < step; ++first) {
    for (std::int32_t apart = 1; apart < size; apart *= 2) {
      for (std::int32_t i = 0; i < size; ++i) {
        if ((i & apart) == 0) {
          float& low = x[first + i * step];
          float& high = x[first + (i + apart) * step];
          const float before = low;
          low = before + high;
          high = before - high;
        }
      }
    }
  }
  for (std::int32_t i = 0; i < head_dim; ++i) {
    x[i] *= norm;
  }
}

// Keys and values of one head, as they are and quantised.
class Head {
 public:
  Head(const AttentionTensors& in, std::int32_t batch, std::int32_t head)
      : in_(in), batch_(batch), head_(head), tiles_(tile_count(in.tokens, kKeyTile)) {
    load(in.k, in.k_strides, keys_);
    load(in.v, in.v_strides, values_);
    channels();
    quantise();
  }

  // sum |o8 - o0|^2 over the rows.
  double error(std::span<const std::int32_t> rows) {
    double sum = 0.0;
    std::vector<float> query(dim());
    for (const std::int32_t row : rows) {
      load_row(in_.q, in_.q_strides, row, query.data());
      dense(query);
      in_int8(query);
      for (std::size_t i = 0; i < dim(); ++i) {
        const double lost = static_cast<double>(rounded_[i]) - exact_[i];
        sum += lost * lost;
      }
    }
    return sum;
  }

 private:
  std::size_t dim() const { return static_cast<std::size_t>(in_.head_dim); }
  std::int64_t at(std::int64_t token) const { return token * in_.head_dim; }
  std::int32_t keys_in(std::int32_t tile) const {
    return std::min(kKeyTile, in_.tokens - tile * kKeyTile);
  }

  void load_row(const void* base, const Strides& strides, std::int64_t token, float* to) const {
    const std::int64_t offset =
        batch_ * strides.batch + head_ * strides.head + token * strides.token;
    with_element(in_.dtype, [&](auto element) {
      const auto* from = static_cast<const decltype(element)*>(base) + offset;
      for (std::int32_t i = 0; i < in_.head_dim; ++i) {
        to[i] = to_float(from[i]);
      }
    });
  }
  void load(const void* base, const Strides& strides, std::vector<float>& to) const {
    to.resize(static_cast<std::size_t>(at(in_.tokens)));
    for (std::int64_t token = 0; token < in_.tokens; ++token) {
      load_row(base, strides, token, to.data() + at(token));
    }
  }

  void channels() {
    const std::int64_t rows = std::min(in_.tokens, kSampledRows);
    std::vector<double> keys(dim()), values(dim()), squares(dim());
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t from = at(row * in_.tokens / rows);
      for (std::size_t i = 0; i < dim(); ++i) {
        const double value = values_[static_cast<std::size_t>(from) + i];
        keys[i] += keys_[static_cast<std::size_t>(from) + i];
        values[i] += value;
        squares[i] += value * value;
      }
    }
    const auto count = static_cast<double>(rows);
    float most = 0.0f;
    for (std::size_t i = 0; i < dim(); ++i) {
      key_mean_.push_back(static_cast<float>(keys[i] / count));
      value_mean_.push_back(static_cast<float>(values[i] / count));
      const double mean = values[i] / count;
      unit_.push_back(
          static_cast<float>(std::sqrt(std::max(0.0, squares[i] / count - mean * mean))));
      most = std::max(most, unit_.back());
    }
    const float least = most > 0.0f ? most / 64.0f : 1.0f;
    for (float& unit : unit_) {
      unit = std::max(unit, least);
    }
  }

  void quantise() {
    int8_keys_.resize(keys_.size());
    int8_values_.resize(values_.size());
    std::vector<float> tile(static_cast<std::size_t>(at(kKeyTile)));
    const auto of_tile = [&](std::int32_t number, std::vector<std::int8_t>& to) {
      const std::int64_t count = at(keys_in(number));
      const float most = largest_of(tile.data(), count);
      round_to(tile.data(), count, most, to.data() + at(std::int64_t{number} * kKeyTile));
      return most / kMostSigned;
    };
    for (std::int32_t number = 0; number < tiles_; ++number) {
      const std::int64_t first = at(std::int64_t{number} * kKeyTile);
      for (std::int32_t key = 0; key < keys_in(number); ++key) {
        float* row = tile.data() + at(key);
        for (std::size_t i = 0; i < dim(); ++i) {
          row[i] = keys_[static_cast<std::size_t>(first + at(key)) + i] - key_mean_[i];
        }
        rotate(row, in_.head_dim);
      }
      key_scale_.push_back(of_tile(number, int8_keys_));
      for (std::int32_t key = 0; key < keys_in(number); ++key) {
        for (std::size_t i = 0; i < dim(); ++i) {
          const float value = values_[static_cast<std::size_t>(first + at(key)) + i];
          tile[static_cast<std::size_t>(at(key)) + i] = (value - value_mean_[i]) / unit_[i];
        }
      }
      value_scale_.push_back(of_tile(number, int8_values_));
    }
  }

  void dense(const std::vector<float>& query) {
    scores_.resize(static_cast<std::size_t>(in_.tokens));
    float most = -std::numeric_limits<float>::infinity();
    for (std::int64_t key = 0; key < in_.tokens; ++key) {
      float& score = scores_[static_cast<std::size_t>(key)];
      score = in_.scale * dot(query.data(), keys_.data() + at(key), in_.head_dim);
      most = std::max(most, score);
    }
    exact_.assign(dim(), 0.0);
    double total = 0.0;
    for (std::int64_t key = 0; key < in_.tokens; ++key) {
      const double weight =
          std::exp(static_cast<double>(scores_[static_cast<std::size_t>(key)] - most));
      total += weight;
      const float* value = values_.data() + at(key);
      for (std::size_t i = 0; i < dim(); ++i) {
        exact_[i] += weight * value[i];
      }
    }
    for (double& out : exact_) {
      out /= total;
    }
  }

  void in_int8(std::vector<float> query) {
    rotate(query.data(), in_.head_dim);
    const float most = largest_of(query.data(), in_.head_dim);
    std::vector<std::int8_t> rounded(dim());
    round_to(query.data(), in_.head_dim, most, rounded.data());
    const float row_factor = most / kMostSigned * base2_factor(in_.scale);
    rounded_.assign(dim(), 0.0f);
    float maximum = -std::numeric_limits<float>::infinity(), sum = 0.0f;
    std::vector<std::int32_t> sums(dim());
    std::int32_t scores[kKeyTile];
    for (std::int32_t tile = 0; tile < tiles_; ++tile) {
      const std::int64_t first = at(std::int64_t{tile} * kKeyTile);
      const float factor = std::clamp(row_factor * key_scale_[static_cast<std::size_t>(tile)],
                                      kLeastFactor, kMostFactor);
      std::int32_t highest = std::numeric_limits<std::int32_t>::min();
      for (std::int32_t key = 0; key < keys_in(tile); ++key) {
        scores[key] = dot(rounded.data(), int8_keys_.data() + first + at(key), in_.head_dim);
        highest = std::max(highest, scores[key]);
      }
      std::ranges::fill(sums, 0);
      std::int32_t total = 0;
      for (std::int32_t key = 0; key < keys_in(tile); ++key) {
        const float relative = static_cast<float>(scores[key] - highest) * factor;
        const auto weight =
            static_cast<std::int32_t>(std::lrint(std::exp2(relative) * kMostWeight));
        if (weight == 0) {
          continue;
        }
        total += weight;
        const std::int8_t* value = int8_values_.data() + first + at(key);
        for (std::size_t i = 0; i < dim(); ++i) {
          sums[i] += weight * value[i];
        }
      }
      const float tile_maximum = static_cast<float>(highest) * factor;
      const float next = std::max(maximum, tile_maximum);
      const float shrink = std::exp2(maximum - next), share = std::exp2(tile_maximum - next);
      maximum = next;
      sum = sum * shrink + share * static_cast<float>(total);
      const float value_share = share * value_scale_[static_cast<std::size_t>(tile)];
      for (std::size_t i = 0; i < dim(); ++i) {
        rounded_[i] = rounded_[i] * shrink + value_share * static_cast<float>(sums[i]);
      }
    }
    for (std::size_t i = 0; i < dim(); ++i) {
      rounded_[i] = rounded_[i] / sum * unit_[i] + value_mean_[i];
    }
  }

  const AttentionTensors& in_;
  std::int32_t batch_, head_, tiles_;
  std::vector<float> keys_, values_;                  // [tokens, head_dim]
  std::vector<float> key_mean_, value_mean_, unit_;   // [head_dim]
  std::vector<std::int8_t> int8_keys_, int8_values_;  // [tokens, head_dim]
  std::vector<float> key_scale_, value_scale_;        // [tiles]
  std::vector<float> scores_;                         // [tokens]
  std::vector<double> exact_;                         // [head_dim]
  std::vector<float> rounded_;
};

}  // namespace

Status int8_errors_cpu(const Int8ErrorParams& p) {
  const AttentionTensors& in = p.tensors;
  if (in.q == nullptr || in.k == nullptr || in.v == nullptr || p.error == nullptr) {
    return refuse("q, k, v or error is null");
  }
  if (Status status = check_shape(in); !status) {
    return status;
  }
  if (!(in.scale >= 0.0f)) {
    return refuse("scale ", in.scale, ": the INT8 kernels take none below 0");
  }
  for (const std::int32_t row : p.rows) {
    if (row < 0 || row >= in.tokens) {
      return refuse("row ", row, " is not one of 0..", in.tokens - 1);
    }
  }
  return run_guarded([&] {
    parallel_for(std::int64_t{in.batch} * in.heads, {.count = p.threads, .executor = p.executor},
                 [&](std::int64_t item, std::int32_t) {
                   p.error[item] = Head(in, static_cast<std::int32_t>(item / in.heads),
                                        static_cast<std::int32_t>(item % in.heads))
                                       .error(p.rows);
                 });
  });
}

}  // namespace twill::kernels
