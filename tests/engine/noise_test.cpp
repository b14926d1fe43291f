// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/noise.h"

#include <limits>
#include <vector>

#include "engine_support.h"

namespace twill::engine {
namespace {

// torch 2.13.0: torch.randn(shape, generator=torch.Generator().manual_seed(seed)) at those places.
// Below 16 values torch draws them one by one, from 16 on in blocks.
struct Golden {
  std::vector<std::int64_t> shape;
  std::uint64_t seed;
  std::vector<std::pair<std::int64_t, float>> values;
};
const Golden kGolden[] = {
    {{3}, 0, {{0, 1.5409960746765137f}, {1, -0.293428897857666f}, {2, -2.1787893772125244f}}},
    {{3}, 42, {{0, 0.33669036626815796f}, {1, 0.12880940735340118f}, {2, 0.23446236550807953f}}},
    {{2, 16},
     0,
     {{0, -1.1258398294448853f},
      {1, -1.152360200881958f},
      {8, 0.32227492332458496f},
      {17, -1.6959311962127686f},
      {31, -0.843676745891571f}}},
    {{2, 16}, 42, {{0, 1.9269152879714966f}, {8, -0.7521352767944336f}, {31, 0.859858512878418f}}},
    {{2, 16},
     (std::uint64_t{1} << 63) + 5,
     {{0, 1.8423298597335815f}, {1, 0.5188871622085571f}, {31, 1.7470314502716064f}}},
};

// What seeded_tests.cpp does, for every program of these tests.
TEST(SeededTests, BeginWithTheNumbersOfTheirSeed) {
  const at::Tensor drawn = at::randn({8});
  at::manual_seed(static_cast<std::uint64_t>(::testing::UnitTest::GetInstance()->random_seed()));
  EXPECT_TRUE(drawn.equal(at::randn({8})));
}

TEST(Noise, IsTheNoiseOfTorch) {
  for (const Golden& golden : kGolden) {
    const at::Tensor noise = make_noise(golden.shape, golden.seed);
    ASSERT_EQ(noise.sizes(), at::IntArrayRef(golden.shape));
    ASSERT_EQ(noise.scalar_type(), at::kFloat);
    for (const auto& [place, wanted] : golden.values) {
      // Vectorised logarithms and cosines differ between CPUs in their last bits.
      const float allowed = 8 * std::numeric_limits<float>::epsilon() * std::abs(wanted);
      EXPECT_NEAR(noise.view(-1)[place].item<float>(), wanted, allowed)
          << "seed " << golden.seed << ", value " << place;
    }
  }
}

TEST(Noise, DependsOnTheSeedAlone) {
  const at::Tensor first = make_noise({1, 16, 2, 3, 4}, 7);
  EXPECT_TRUE(make_noise({1, 16, 2, 3, 4}, 7).equal(first));
  at::manual_seed(1);
  const at::Tensor unrelated = at::randn({4});
  EXPECT_TRUE(make_noise({1, 16, 2, 3, 4}, 7).equal(first));
  EXPECT_FALSE(make_noise({1, 16, 2, 3, 4}, 8).equal(first));
  // Nor does it disturb the draws of others.
  at::manual_seed(1);
  make_noise({4}, 7);
  EXPECT_TRUE(at::randn({4}).equal(unrelated));
}

TEST(Noise, ShapesWithoutValuesAreRefused) {
  EXPECT_ERROR(make_noise({2, 0}, 1), "noise of shape [2, 0] has no values");
  EXPECT_ERROR(make_noise({-1}, 1), "noise of shape [-1] has no values");
}

}  // namespace
}  // namespace twill::engine
