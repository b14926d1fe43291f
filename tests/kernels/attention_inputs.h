// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Random attention calls whose tables need no compiled plan.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "twill/kernels/attention.h"

namespace twill::kernels::testing {

// How a tensor lies in memory.
enum class Layout : std::uint8_t {
  kHeadsFirst,   // (batch, heads, tokens, head_dim), contiguous
  kTokensFirst,  // (batch, tokens, heads, head_dim), as (B, N, H x D) views have it
  kInterleaved,  // q, k and v of one token beside each other, with a gap behind every token
};

struct Case {
  std::string why;
  std::int32_t tokens = 0;
  std::int32_t head_dim = 64;
  Dtype dtype = Dtype::kF32;
  Layout layout = Layout::kHeadsFirst;
  std::int32_t batch = 1;
  float spread = 1.0f;  // standard deviation of q: large ones make the softmax sharp
  float scale = 1.0f;   // times 1/sqrt(head_dim)
  // How many times as large the first key is as the last, the others between them: kernels walk
  // from the last key to the first, so that each tile's scores outgrow those before.
  float growth = 1.0f;
};
void PrintTo(const Case& c, std::ostream* out);

// Every kernel is compared with the oracle on these.
const std::vector<Case>& attention_cases();

// Owns the memory and tables of one call: heads 0 dense, 1 skip, 2 mean, 3 random raster tiles,
// 4 random tiles in a permuted order, 5 a list whose first query tile keeps nothing.
class Inputs {
 public:
  explicit Inputs(const Case& c, std::uint64_t seed = 1);
  Inputs(const Inputs&) = delete;

  AttentionParams params();
  std::vector<float> run(Status (*kernel)(const AttentionParams&), std::int32_t threads = 0);
  // softmax(q k^T) v over the kept keys, by loops with sums of type Sum (float or double) in the
  // order of the keys: [batch, heads, tokens, head_dim], not rounded to the dtype. Float loops
  // round the weights of bf16 inputs to bf16, as ATen and processors with bf16 products do.
  template <typename Sum>
  std::vector<Sum> by_definition();

  // Logarithm of the sum of exp(scores) over the kept keys in double, [batch, heads, tokens];
  // -infinity without keys, log(tokens) in a mean head.
  std::vector<double> log_sums();
  // One row of batch row 0 in double over the keys that `keeps` names: [head_dim]; and the
  // logarithm of its sum, where it is wanted.
  std::vector<double> row_by_definition(std::int32_t head, std::int32_t query,
                                        const std::function<bool(std::int32_t key)>& keeps,
                                        double* log_sum = nullptr);

  // [batch, heads, tokens, head_dim] as the last call left it.
  std::vector<float> output() const;
  // False when a byte that belongs to no output row was written.
  bool gaps_are_untouched() const;
  // Sets the first channel of a value row of batch row 0; fp32 only.
  void set_value(std::int32_t head, std::int32_t token, float value);

  void set_tasks(std::vector<HeadTask> tasks) { tasks_ = std::move(tasks); }
  void set_precision(Precision precision) {
    for (HeadTask& task : tasks_) {
      task.precision = precision;
    }
  }
  // q (0), k (1) or v (2) of a head: [tokens, head_dim].
  std::vector<float> rows_of(int tensor, std::int32_t batch, std::int32_t head) const;
  std::vector<bool> kept_keys(std::int32_t head) const;  // [query token, key token]
  // Empty: raster.
  std::vector<std::int32_t> position_to_token(std::int32_t head) const;
  // softmax(q k^T) over all keys in double: [tokens, tokens].
  std::vector<double> dense_weights(std::int32_t batch, std::int32_t head);

  const Case& test_case() const { return case_; }
  static constexpr std::int32_t kHeads = 6;

 private:
  void make_lists(std::mt19937_64& random);
  std::vector<float> rows(const void* base, const Strides& strides, std::int32_t batch,
                          std::int32_t head) const;

  struct List {
    std::vector<KeyRun> runs;
    std::vector<std::int32_t> run_begin;
    std::vector<std::int32_t> position_to_token;
  };

  Case case_;
  std::vector<std::uint8_t> memory_;
  std::vector<std::uint8_t> out_;
  Strides in_strides_;
  Strides out_strides_;
  std::int64_t tensor_offset_ = 0;  // elements between q, k and v
  std::vector<List> lists_;
  std::vector<TileListView> views_;
  std::vector<HeadTask> tasks_;
};

// Unit roundoff: half the distance from 1 to the next number.
double roundoff(Dtype dtype);

double worst_error(const std::vector<float>& out, const std::vector<double>& exact);
// A kernel may lose twice what plain float loops lose, and round its result to the dtype once
// (doubled for ties and the fp32 value that it rounds).
double allowed_error(Inputs& inputs, const std::vector<double>& exact);

}  // namespace twill::kernels::testing
