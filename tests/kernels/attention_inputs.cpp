// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "attention_inputs.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <ostream>
#include <type_traits>

#include "elements.h"

namespace twill::kernels::testing {

void PrintTo(const Case& c, std::ostream* out) { *out << c.why; }

const std::vector<Case>& attention_cases() {
  static const std::vector<Case> cases{
      {.why = "one_token", .tokens = 1},
      {.why = "fewer_keys_than_a_tile", .tokens = 37},
      {.why = "exactly_one_query_tile", .tokens = 128},
      {.why = "one_query_in_the_last_tile", .tokens = 257},
      {.why = "ragged_on_both_sides", .tokens = 431},
      {.why = "smallest_head_dim", .tokens = 200, .head_dim = 16},
      {.why = "head_dim_128", .tokens = 300, .head_dim = 128},
      {.why = "head_dim_no_power_of_two", .tokens = 150, .head_dim = 80},
      {.why = "largest_head_dim", .tokens = 130, .head_dim = 256},
      {.why = "tokens_first_views", .tokens = 300, .layout = Layout::kTokensFirst, .batch = 2},
      {.why = "interleaved_with_gaps", .tokens = 270, .layout = Layout::kInterleaved, .batch = 2},
      {.why = "bf16", .tokens = 300, .dtype = Dtype::kBf16},
      {.why = "bf16_head_dim_128_interleaved",
       .tokens = 270,
       .head_dim = 128,
       .dtype = Dtype::kBf16,
       .layout = Layout::kInterleaved},
      {.why = "f16", .tokens = 300, .dtype = Dtype::kF16},
      {.why = "f16_head_dim_128_views",
       .tokens = 129,
       .head_dim = 128,
       .dtype = Dtype::kF16,
       .layout = Layout::kTokensFirst},
      {.why = "softmax_of_one_winner", .tokens = 300, .spread = 60.0f},
      {.why = "nearly_even_softmax", .tokens = 300, .spread = 1e-3f},
      {.why = "scale_0_and_a_ragged_tile", .tokens = 117, .scale = 0.0f},
      {.why = "scale_0_and_whole_tiles", .tokens = 128, .scale = 0.0f},
      {.why = "scale_0_in_bf16", .tokens = 300, .dtype = Dtype::kBf16, .scale = 0.0f},
      {.why = "scale_0_in_f16", .tokens = 300, .dtype = Dtype::kF16, .scale = 0.0f},
      {.why = "scale_that_is_a_denormal", .tokens = 117, .scale = 1e-38f},
      {.why = "scores_that_grow", .tokens = 700, .growth = 20.0f},
      {.why = "scores_that_grow_by_more_than_exp_holds", .tokens = 700, .growth = 300.0f},
      {.why = "negative_scale", .tokens = 300, .scale = -2.0f},
      {.why = "negative_scale_in_bf16", .tokens = 300, .dtype = Dtype::kBf16, .scale = -1.0f},
  };
  return cases;
}

double roundoff(Dtype dtype) {
  switch (dtype) {
    case Dtype::kBf16:
      return 0x1p-8;
    case Dtype::kF16:
      return 0x1p-11;
    case Dtype::kF32:
      break;
  }
  return 0x1p-24;
}

Inputs::Inputs(const Case& c, std::uint64_t seed) : case_(c) {
  const std::int64_t bytes = element_bytes(c.dtype);
  const std::int64_t heads = kHeads;
  const std::int64_t dim = c.head_dim;
  const std::int64_t tokens = c.tokens;
  const std::int64_t whole = tokens * heads * dim;
  switch (c.layout) {
    case Layout::kHeadsFirst:
      in_strides_ = {whole, tokens * dim, dim};
      out_strides_ = in_strides_;
      tensor_offset_ = c.batch * whole;
      break;
    case Layout::kTokensFirst:
      in_strides_ = {whole, dim, heads * dim};
      out_strides_ = in_strides_;
      tensor_offset_ = c.batch * whole;
      break;
    case Layout::kInterleaved: {
      const std::int64_t token = 3 * heads * dim + 16;
      in_strides_ = {tokens * token, dim, token};
      out_strides_ = {tokens * (heads * dim + 16), dim, heads * dim + 16};
      tensor_offset_ = heads * dim;
      break;
    }
  }
  const std::int64_t elements = std::max(3 * tensor_offset_, c.batch * in_strides_.batch);
  memory_.resize(static_cast<std::size_t>(elements * bytes));
  out_.resize(static_cast<std::size_t>(c.batch * out_strides_.batch * bytes), 0xAB);
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  for (int tensor = 0; tensor < 3; ++tensor) {
    for (std::int64_t batch = 0; batch < c.batch; ++batch) {
      for (std::int64_t head = 0; head < heads; ++head) {
        for (std::int64_t token = 0; token < tokens; ++token) {
          const std::int64_t at = tensor * tensor_offset_ + batch * in_strides_.batch +
                                  head * in_strides_.head + token * in_strides_.token;
          const float before_last = 1.0f - static_cast<float>(token) / static_cast<float>(tokens);
          const float factor = tensor == 0   ? c.spread
                               : tensor == 1 ? std::pow(c.growth, before_last)
                                             : 1.0f;
          with_element(c.dtype, [&](auto element) {
            auto* to = reinterpret_cast<decltype(element)*>(memory_.data()) + at;
            for (std::int64_t channel = 0; channel < dim; ++channel) {
              from_float(factor * normal(random), to[channel]);
            }
          });
        }
      }
    }
  }
  make_lists(random);
}

void Inputs::make_lists(std::mt19937_64& random) {
  const std::int32_t query_tiles = tile_count(case_.tokens, kQueryTile);
  const std::int32_t key_tiles = tile_count(case_.tokens, kKeyTile);
  std::bernoulli_distribution coin(0.5);
  for (int kind = 0; kind < 3; ++kind) {
    List list;
    list.run_begin.push_back(0);
    for (std::int32_t tile = 0; tile < query_tiles; ++tile) {
      const bool nothing = kind == 2 && tile == 0;
      for (std::int32_t key = 0; key < key_tiles && !nothing; ++key) {
        // The last tile stands in some lists for sure: ragged tiles are where mistakes are.
        if (!(coin(random) || (kind == 1 && key == key_tiles - 1))) {
          continue;
        }
        const bool touches = static_cast<std::int32_t>(list.runs.size()) > list.run_begin.back() &&
                             list.runs.back().first + list.runs.back().count == key;
        if (touches) {
          ++list.runs.back().count;
        } else {
          list.runs.push_back({key, 1});
        }
      }
      list.run_begin.push_back(static_cast<std::int32_t>(list.runs.size()));
    }
    if (kind == 1) {
      list.position_to_token.resize(case_.tokens);
      std::iota(list.position_to_token.begin(), list.position_to_token.end(), 0);
      std::ranges::shuffle(list.position_to_token, random);
    }
    lists_.push_back(std::move(list));
  }
  for (const List& list : lists_) {
    views_.push_back({list.runs, list.run_begin, list.position_to_token});
  }
  tasks_ = {{HeadMode::kDense},     {HeadMode::kSkip},      {HeadMode::kMean},
            {HeadMode::kSparse, 0}, {HeadMode::kSparse, 1}, {HeadMode::kSparse, 2}};
}

AttentionParams Inputs::params() {
  const std::int64_t bytes = element_bytes(case_.dtype) * tensor_offset_;
  return {.tensors = {.q = memory_.data(),
                      .k = memory_.data() + bytes,
                      .v = memory_.data() + 2 * bytes,
                      .q_strides = in_strides_,
                      .k_strides = in_strides_,
                      .v_strides = in_strides_,
                      .batch = case_.batch,
                      .heads = kHeads,
                      .tokens = case_.tokens,
                      .head_dim = case_.head_dim,
                      .dtype = case_.dtype,
                      .scale = case_.scale / std::sqrt(static_cast<float>(case_.head_dim))},
          .out = out_.data(),
          .out_strides = out_strides_,
          .tasks = tasks_,
          .lists = views_};
}

std::vector<bool> Inputs::kept_keys(std::int32_t head) const {
  const auto tokens = static_cast<std::size_t>(case_.tokens);
  const HeadTask& task = tasks_[head];
  std::vector<bool> kept(tokens * tokens, task.mode == HeadMode::kDense);
  if (task.mode != HeadMode::kSparse) {
    return kept;
  }
  const List& list = lists_[task.list];
  const auto token_at = [&](std::int32_t position) {
    return static_cast<std::size_t>(
        list.position_to_token.empty() ? position : list.position_to_token[position]);
  };
  for (std::int32_t query = 0; query < case_.tokens; ++query) {
    const std::int32_t tile = query / kQueryTile;
    for (std::int32_t i = list.run_begin[tile]; i < list.run_begin[tile + 1]; ++i) {
      const std::int32_t end =
          std::min(case_.tokens, (list.runs[i].first + list.runs[i].count) * kKeyTile);
      for (std::int32_t key = list.runs[i].first * kKeyTile; key < end; ++key) {
        kept[token_at(query) * tokens + token_at(key)] = true;
      }
    }
  }
  return kept;
}

std::vector<float> Inputs::rows(const void* base, const Strides& strides, std::int32_t batch,
                                std::int32_t head) const {
  std::vector<float> values;
  for (std::int32_t token = 0; token < case_.tokens; ++token) {
    const std::int64_t at = batch * strides.batch + head * strides.head + token * strides.token;
    with_element(case_.dtype, [&](auto element) {
      const auto* from = static_cast<const decltype(element)*>(base) + at;
      for (std::int32_t channel = 0; channel < case_.head_dim; ++channel) {
        values.push_back(to_float(from[channel]));
      }
    });
  }
  return values;
}

std::vector<float> Inputs::rows_of(int tensor, std::int32_t batch, std::int32_t head) const {
  return rows(memory_.data() + tensor * tensor_offset_ * element_bytes(case_.dtype), in_strides_,
              batch, head);
}

std::vector<std::int32_t> Inputs::position_to_token(std::int32_t head) const {
  const HeadTask& task = tasks_[head];
  return task.mode == HeadMode::kSparse ? lists_[task.list].position_to_token
                                        : std::vector<std::int32_t>();
}

std::vector<float> Inputs::output() const {
  std::vector<float> values;
  for (std::int32_t batch = 0; batch < case_.batch; ++batch) {
    for (std::int32_t head = 0; head < kHeads; ++head) {
      const std::vector<float> head_rows = rows(out_.data(), out_strides_, batch, head);
      values.insert(values.end(), head_rows.begin(), head_rows.end());
    }
  }
  return values;
}

bool Inputs::gaps_are_untouched() const {
  std::vector<bool> written(out_.size(), false);
  const std::int64_t bytes = element_bytes(case_.dtype);
  for (std::int32_t batch = 0; batch < case_.batch; ++batch) {
    for (std::int32_t head = 0; head < kHeads; ++head) {
      for (std::int32_t token = 0; token < case_.tokens; ++token) {
        const std::int64_t at = bytes * (batch * out_strides_.batch + head * out_strides_.head +
                                         token * out_strides_.token);
        std::fill_n(written.begin() + at, bytes * case_.head_dim, true);
      }
    }
  }
  bool any_gap = false;
  for (std::size_t i = 0; i < out_.size(); ++i) {
    any_gap = any_gap || !written[i];
    if (!written[i] && out_[i] != 0xAB) {
      return false;
    }
  }
  return any_gap;
}

void Inputs::set_value(std::int32_t head, std::int32_t token, float value) {
  const std::int64_t at = 2 * tensor_offset_ + head * in_strides_.head + token * in_strides_.token;
  std::memcpy(memory_.data() + at * static_cast<std::int64_t>(sizeof(float)), &value,
              sizeof(value));
}

std::vector<float> Inputs::run(Status (*kernel)(const AttentionParams&), std::int32_t threads) {
  std::ranges::fill(out_, 0xAB);
  AttentionParams p = params();
  p.threads = threads;
  const Status status = kernel(p);
  return status.ok ? output() : std::vector<float>();
}

template <typename Sum>
std::vector<Sum> Inputs::by_definition() {
  const AttentionTensors p = params().tensors;
  const std::int32_t n = p.tokens;
  const std::int32_t dim = p.head_dim;
  std::vector<Sum> values;
  for (std::int32_t item = 0; item < p.batch * p.heads; ++item) {
    const std::int32_t head = item % p.heads;
    const std::vector<float> q = rows(p.q, p.q_strides, item / p.heads, head);
    const std::vector<float> k = rows(p.k, p.k_strides, item / p.heads, head);
    const std::vector<float> v = rows(p.v, p.v_strides, item / p.heads, head);
    const bool mean = tasks_[head].mode == HeadMode::kMean;
    const std::vector<bool> kept = kept_keys(head);
    for (std::int32_t query = 0; query < n; ++query) {
      std::vector<std::int32_t> keys;
      std::vector<Sum> weights;
      for (std::int32_t key = 0; key < n; ++key) {
        if (mean || kept[static_cast<std::size_t>(query) * n + key]) {
          Sum score = 0;
          for (std::int32_t d = 0; d < dim && !mean; ++d) {
            score += Sum(q[query * dim + d]) * Sum(k[key * dim + d]);
          }
          keys.push_back(key);
          weights.push_back(score * Sum(p.scale));
        }
      }
      const Sum most = keys.empty() ? Sum(0) : *std::ranges::max_element(weights);
      Sum total = 0;
      for (Sum& weight : weights) {
        weight = std::exp(weight - most);
        total += weight;
        if (std::is_same_v<Sum, float> && case_.dtype == Dtype::kBf16) {
          Bf16 rounded;
          from_float(static_cast<float>(weight), rounded);
          weight = to_float(rounded);
        }
      }
      std::vector<Sum> row(dim, Sum(0));
      for (std::size_t i = 0; i < keys.size(); ++i) {
        for (std::int32_t d = 0; d < dim; ++d) {
          row[d] += weights[i] * Sum(v[keys[i] * dim + d]);
        }
      }
      for (const Sum value : row) {
        values.push_back(keys.empty() ? Sum(0) : value / total);
      }
    }
  }
  return values;
}
template std::vector<float> Inputs::by_definition<float>();
template std::vector<double> Inputs::by_definition<double>();

std::vector<double> Inputs::log_sums() {
  const AttentionTensors p = params().tensors;
  std::vector<double> sums;
  for (std::int32_t item = 0; item < p.batch * p.heads; ++item) {
    const std::int32_t head = item % p.heads;
    const std::vector<float> q = rows(p.q, p.q_strides, item / p.heads, head);
    const std::vector<float> k = rows(p.k, p.k_strides, item / p.heads, head);
    const bool mean = tasks_[head].mode == HeadMode::kMean;
    const std::vector<bool> kept = kept_keys(head);
    for (std::int32_t query = 0; query < p.tokens; ++query) {
      std::vector<double> scores;
      for (std::int32_t key = 0; key < p.tokens; ++key) {
        double score = 0.0;
        for (std::int32_t d = 0; d < p.head_dim && !mean; ++d) {
          score += static_cast<double>(q[query * p.head_dim + d]) * k[key * p.head_dim + d];
        }
        if (mean || kept[static_cast<std::size_t>(query) * p.tokens + key]) {
          scores.push_back(score * p.scale);
        }
      }
      const double most = scores.empty() ? 0.0 : *std::ranges::max_element(scores);
      double sum = 0.0;
      for (const double score : scores) {
        sum += std::exp(score - most);
      }
      sums.push_back(most + std::log(sum));
    }
  }
  return sums;
}

std::vector<double> Inputs::row_by_definition(std::int32_t head, std::int32_t query,
                                              const std::function<bool(std::int32_t)>& keeps,
                                              double* log_sum) {
  const AttentionTensors p = params().tensors;
  const std::vector<float> q = rows(p.q, p.q_strides, 0, head);
  const std::vector<float> k = rows(p.k, p.k_strides, 0, head);
  const std::vector<float> v = rows(p.v, p.v_strides, 0, head);
  std::vector<double> out(p.head_dim, 0.0);
  double total = 0.0;
  for (std::int32_t key = 0; key < p.tokens; ++key) {
    if (!keeps(key)) {
      continue;
    }
    double score = 0.0;
    for (std::int32_t d = 0; d < p.head_dim; ++d) {
      score += static_cast<double>(q[query * p.head_dim + d]) * k[key * p.head_dim + d];
    }
    const double weight = std::exp(score * p.scale);
    total += weight;
    for (std::int32_t d = 0; d < p.head_dim; ++d) {
      out[d] += weight * v[key * p.head_dim + d];
    }
  }
  for (double& value : out) {
    value /= total;
  }
  if (log_sum != nullptr) {
    *log_sum = std::log(total);
  }
  return out;
}

std::vector<double> Inputs::dense_weights(std::int32_t batch, std::int32_t head) {
  const AttentionTensors p = params().tensors;
  const std::vector<float> q = rows(p.q, p.q_strides, batch, head);
  const std::vector<float> k = rows(p.k, p.k_strides, batch, head);
  std::vector<double> weights;
  for (std::int32_t query = 0; query < p.tokens; ++query) {
    std::vector<double> row(p.tokens, 0.0);
    for (std::int32_t key = 0; key < p.tokens; ++key) {
      for (std::int32_t d = 0; d < p.head_dim; ++d) {
        row[key] += static_cast<double>(q[query * p.head_dim + d]) * k[key * p.head_dim + d];
      }
      row[key] *= p.scale;
    }
    const double most = *std::ranges::max_element(row);
    double total = 0.0;
    for (double& value : row) {
      value = std::exp(value - most);
      total += value;
    }
    for (const double value : row) {
      weights.push_back(value / total);
    }
  }
  return weights;
}

double worst_error(const std::vector<float>& out, const std::vector<double>& exact) {
  double worst = out.size() == exact.size() ? 0.0 : std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < std::min(out.size(), exact.size()); ++i) {
    const double error = std::abs(static_cast<double>(out[i]) - exact[i]);
    worst = error <= worst ? worst : error;  // a NaN is the worst
  }
  return worst;
}

double allowed_error(Inputs& inputs, const std::vector<double>& exact) {
  double largest = 0.0;
  for (const double value : exact) {
    largest = std::max(largest, std::abs(value));
  }
  return 2.0 * worst_error(inputs.by_definition<float>(), exact) +
         2.0 * roundoff(inputs.test_case().dtype) * largest;
}

}  // namespace twill::kernels::testing
