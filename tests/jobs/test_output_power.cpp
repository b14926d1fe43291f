// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "output_power.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "search/synthetic_profile.h"

namespace twill::jobs {
namespace {

TEST(OutputPower, IsTheMeanSquareOfEachHeadAtTheNearestT) {
  const TokenLayout layout{.frames = 2, .rows = 8, .cols = 8};
  const auto profile = test::synthetic_profile(
      {.layers = 2, .heads = 2, .layout = layout, .t = {0.9, 0.5}}, {dense()}, 1);
  OutputPower power(*profile);
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(std::uint64_t{1});
  const at::Tensor q = at::randn({1, 2, layout.tokens(), 8}, generator, at::kFloat);
  at::Tensor v = at::ones({1, 2, layout.tokens(), 8});
  v.select(1, 1).fill_(-3.0);  // of equal values attention gives these values
  power.run(q, q, v, {.layer = 1, .t = 0.55});
  power.run(q, q, v * 2.0, {.layer = 1, .t = 0.6});
  power.run(q, q, v, {.layer = 0, .t = 1.0});
  const std::vector<float> mean = power.mean();
  // [t][layer][head]
  const std::vector<float> wanted{1.0f, 9.0f, 0.0f, 0.0f, 0.0f, 0.0f, 2.5f, 22.5f};
  ASSERT_EQ(mean.size(), wanted.size());
  for (std::size_t i = 0; i < mean.size(); ++i) {
    EXPECT_NEAR(mean[i], wanted[i], 1e-4) << i;
  }
}

}  // namespace
}  // namespace twill::jobs
