// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>

#include "head_gain.h"

namespace twill::jobs {
namespace {

struct Case {
  const char* why;
  std::int64_t tokens, samples;
  std::int64_t gates = 1;
};
void PrintTo(const Case& c, std::ostream* stream) { *stream << c.why; }

class HeadGain : public ::testing::TestWithParam<Case> {};

TEST_P(HeadGain, is_the_definition_over_the_sampled_tokens) {
  const auto [why, tokens, samples, gates] = GetParam();
  constexpr std::int64_t kHeads = 3, kHeadDim = 8, kDim = 20;
  at::manual_seed(5);
  // As the kernels leave it: heads beside each other in memory.
  const at::Tensor out = at::randn({1, tokens, kHeads, kHeadDim}).transpose(1, 2);
  const at::Tensor weight = at::randn({kDim, kHeads * kHeadDim});
  const at::Tensor gate = at::randn({gates, kDim});
  const at::Tensor residual = at::randn({1, tokens, kDim});
  const engine::AttentionSite site{
      .output_weight = [&] { return weight; }, .gate = &gate, .residual = &residual};
  const GainSums sums = head_gains(out, site, samples);

  const std::int64_t count = std::min(samples, tokens);
  ASSERT_EQ(sums.head.size(), static_cast<std::size_t>(kHeads));
  double largest = 0.0;
  std::vector<double> expected(kHeads, 0.0);
  double expected_residual = 0.0;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t token = (2 * i + 1) * tokens / (2 * count);
    for (std::int64_t row = 0; row < kDim; ++row) {
      const double r = residual[0][token][row].item<double>();
      expected_residual += r * r;
      for (std::int64_t head = 0; head < kHeads; ++head) {
        double sum = 0.0;
        for (std::int64_t d = 0; d < kHeadDim; ++d) {
          sum += weight[row][head * kHeadDim + d].item<double>() *
                 out[0][head][token][d].item<double>();
        }
        sum *= gate[token / (tokens / gates)][row].item<double>();
        expected[head] += sum * sum;
        largest = std::max(largest, expected[head]);
      }
    }
  }
  // Each fp32 product is a sum of head_dim terms, then squared and added in double.
  const double bound = 4 * kHeadDim * std::numeric_limits<float>::epsilon();
  for (std::int64_t head = 0; head < kHeads; ++head) {
    EXPECT_NEAR(sums.head[head], expected[head], bound * largest) << head;
  }
  EXPECT_NEAR(sums.residual, expected_residual, bound * expected_residual);
}

INSTANTIATE_TEST_SUITE_P(Tokens, HeadGain,
                         ::testing::Values(Case{"all_tokens", 7, 256},
                                           Case{"as_many_as_asked_for", 16, 16},
                                           Case{"a_sample", 37, 10}, Case{"one_token", 1, 4},
                                           Case{"a_gate_for_each_frame", 36, 10, 4},
                                           Case{"a_gate_for_each_token", 36, 10, 36}),
                         [](const auto& row) { return std::string(row.param.why); });

}  // namespace
}  // namespace twill::jobs
