// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cmath>

#include "attention_inputs.h"

namespace twill::kernels {
namespace {

using testing::Case;
using testing::Inputs;

class CpuAttention : public ::testing::TestWithParam<Case> {};

TEST_P(CpuAttention, IsAsExactAsPlainLoops) {
  Inputs inputs(GetParam());
  const std::vector<double> exact = inputs.by_definition<double>();
  EXPECT_LE(testing::worst_error(inputs.run(run_attention_cpu), exact),
            testing::allowed_error(inputs, exact));
}

TEST_P(CpuAttention, OracleIsTheDefinition) {
  Inputs inputs(GetParam());
  const std::vector<double> exact = inputs.by_definition<double>();
  double largest = 0.0;
  for (const double value : exact) {
    largest = std::max(largest, std::abs(value));
  }
  // Doubles are rounded to fp32, then to the dtype.
  EXPECT_LE(testing::worst_error(inputs.run(run_attention_reference), exact),
            1.01 * testing::roundoff(GetParam().dtype) * largest + 1e-12);
}

TEST_P(CpuAttention, ThreadsGiveTheSameBits) {
  Inputs inputs(GetParam());
  const std::vector<float> one = inputs.run(run_attention_cpu, 1);
  ASSERT_FALSE(one.empty());
  for (const std::int32_t threads : {2, 8}) {
    EXPECT_EQ(inputs.run(run_attention_cpu, threads), one) << threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, CpuAttention, ::testing::ValuesIn(testing::attention_cases()),
                         [](const auto& test) { return test.param.why; });

TEST(CpuAttentionMemory, NothingIsWrittenBetweenTheRows) {
  Inputs inputs({.why = "gaps", .tokens = 200, .layout = testing::Layout::kInterleaved});
  ASSERT_FALSE(inputs.run(run_attention_cpu).empty());
  EXPECT_TRUE(inputs.gaps_are_untouched());
}

TEST(CpuAttentionTables, AllTilesInAnyOrderAreDense) {
  Inputs inputs({.why = "all", .tokens = 300});
  AttentionParams p = inputs.params();
  const KeyRun all{.first = 0, .count = tile_count(p.tensors.tokens, kKeyTile)};
  const std::vector<KeyRun> runs(3, all);
  const std::vector<std::int32_t> run_begin{0, 1, 2, 3};
  std::vector<std::int32_t> reversed(p.tensors.tokens);
  for (std::int32_t i = 0; i < p.tensors.tokens; ++i) {
    reversed[i] = p.tensors.tokens - 1 - i;
  }
  const std::vector<TileListView> lists{{runs, run_begin, {}}, {runs, run_begin, reversed}};
  const std::vector<HeadTask> dense(p.tensors.heads);
  p.tasks = dense;
  ASSERT_TRUE(run_attention_cpu(p));
  const std::vector<float> by_dense = inputs.output();
  const std::vector<HeadTask> raster(p.tensors.heads, {HeadMode::kSparse, 0});
  p.tasks = raster;
  p.lists = lists;
  ASSERT_TRUE(run_attention_cpu(p));
  EXPECT_EQ(inputs.output(), by_dense) << "the same tiles in the same order: the same bits";
  const std::vector<HeadTask> permuted(p.tensors.heads, {HeadMode::kSparse, 1});
  p.tasks = permuted;
  ASSERT_TRUE(run_attention_cpu(p));
  const std::vector<float> by_permuted = inputs.output();
  for (std::size_t i = 0; i < by_dense.size(); ++i) {
    ASSERT_NEAR(by_permuted[i], by_dense[i], 64 * 0x1p-24) << "element " << i;
  }
}

TEST(CpuAttentionValues, ANanStaysInItsHead) {
  Inputs inputs({.why = "nan", .tokens = 130});
  const std::vector<float> clean = inputs.run(run_attention_cpu);
  inputs.set_value(/*head=*/0, /*token=*/5, std::nanf(""));
  const std::vector<float> out = inputs.run(run_attention_cpu);
  const std::size_t head = 130 * 64;
  EXPECT_TRUE(std::isnan(out[0])) << "a dense head shows it";
  EXPECT_TRUE(std::equal(out.begin() + head, out.end(), clean.begin() + head));
}

}  // namespace
}  // namespace twill::kernels
