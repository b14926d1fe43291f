// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <vector>

#include "checks.h"
#include "elements.h"
#include "twill/kernels/attention.h"

namespace twill::kernels {
namespace {

double value_at(const void* base, const Strides& strides, std::int64_t batch, std::int64_t head,
                std::int64_t token, std::int64_t channel, Dtype dtype) {
  const std::int64_t index =
      batch * strides.batch + head * strides.head + token * strides.token + channel;
  return with_element(dtype, [&](auto element) {
    return static_cast<double>(to_float(static_cast<const decltype(element)*>(base)[index]));
  });
}

// Tokens that the queries of a tile keep, for every query tile.
std::vector<std::vector<std::int32_t>> kept_tokens(const TileListView& list, std::int32_t tokens) {
  std::vector<std::vector<std::int32_t>> kept(tile_count(tokens, kQueryTile));
  for (std::size_t tile = 0; tile < kept.size(); ++tile) {
    for (std::int32_t i = list.run_begin[tile]; i < list.run_begin[tile + 1]; ++i) {
      const std::int32_t end =
          std::min((list.runs[i].first + list.runs[i].count) * kKeyTile, tokens);
      for (std::int32_t position = list.runs[i].first * kKeyTile; position < end; ++position) {
        kept[tile].push_back(list.position_to_token.empty() ? position
                                                            : list.position_to_token[position]);
      }
    }
  }
  return kept;
}

class Reference {
 public:
  explicit Reference(const AttentionParams& params) : p_(params), in_(params.tensors) {}

  void run(std::int32_t batch, std::int32_t head) const {
    const HeadTask& task = p_.tasks[head];
    std::vector<std::vector<std::int32_t>> kept;
    if (task.mode == HeadMode::kSparse) {
      kept = kept_tokens(p_.lists[task.list], in_.tokens);
    }
    std::vector<std::int32_t> all(in_.tokens);
    for (std::int32_t token = 0; token < in_.tokens; ++token) {
      all[token] = token;
    }
    for (std::int32_t position = 0; position < in_.tokens; ++position) {
      if (task.mode == HeadMode::kSparse) {
        const TileListView& list = p_.lists[task.list];
        const std::int32_t query =
            list.position_to_token.empty() ? position : list.position_to_token[position];
        write(batch, head, query, attend(batch, head, query, kept[position / kQueryTile]));
      } else if (task.mode == HeadMode::kDense) {
        write(batch, head, position, attend(batch, head, position, all));
      } else {
        write(batch, head, position, task.mode == HeadMode::kMean ? mean(batch, head) : zeros());
      }
    }
  }

 private:
  std::vector<double> zeros() const { return std::vector<double>(in_.head_dim, 0.0); }

  double score(std::int32_t batch, std::int32_t head, std::int32_t query, std::int32_t key) const {
    double sum = 0.0;
    for (std::int32_t d = 0; d < in_.head_dim; ++d) {
      sum += value_at(in_.q, in_.q_strides, batch, head, query, d, in_.dtype) *
             value_at(in_.k, in_.k_strides, batch, head, key, d, in_.dtype);
    }
    return sum * static_cast<double>(in_.scale);
  }

  void add_value(std::int32_t batch, std::int32_t head, std::int32_t key, double weight,
                 std::vector<double>& out) const {
    for (std::int32_t d = 0; d < in_.head_dim; ++d) {
      out[d] += weight * value_at(in_.v, in_.v_strides, batch, head, key, d, in_.dtype);
    }
  }

  std::vector<double> attend(std::int32_t batch, std::int32_t head, std::int32_t query,
                             const std::vector<std::int32_t>& keys) const {
    std::vector<double> out = zeros();
    if (keys.empty()) {
      return out;
    }
    std::vector<double> scores;
    for (const std::int32_t key : keys) {
      scores.push_back(score(batch, head, query, key));
    }
    const double most = *std::max_element(scores.begin(), scores.end());
    double sum = 0.0;
    for (double& value : scores) {
      value = std::exp(value - most);
      sum += value;
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
      add_value(batch, head, keys[i], scores[i] / sum, out);
    }
    return out;
  }

  std::vector<double> mean(std::int32_t batch, std::int32_t head) const {
    std::vector<double> out = zeros();
    for (std::int32_t token = 0; token < in_.tokens; ++token) {
      add_value(batch, head, token, 1.0 / in_.tokens, out);
    }
    return out;
  }

  void write(std::int32_t batch, std::int32_t head, std::int32_t token,
             const std::vector<double>& values) const {
    const std::int64_t index =
        batch * p_.out_strides.batch + head * p_.out_strides.head + token * p_.out_strides.token;
    with_element(in_.dtype, [&](auto element) {
      auto* to = static_cast<decltype(element)*>(p_.out) + index;
      for (std::int32_t d = 0; d < in_.head_dim; ++d) {
        from_float(static_cast<float>(values[d]), to[d]);
      }
    });
  }

  const AttentionParams& p_;
  const AttentionTensors& in_;
};

}  // namespace

Status run_attention_reference(const AttentionParams& params) {
  if (Status status = can_run_attention_cpu(params); !status) {
    return status;
  }
  const Reference reference(params);
  for (std::int32_t batch = 0; batch < params.tensors.batch; ++batch) {
    for (std::int32_t head = 0; head < params.tensors.heads; ++head) {
      reference.run(batch, head);
    }
  }
  return {};
}

}  // namespace twill::kernels
