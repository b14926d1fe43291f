// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "online_svg.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "twill/plan/compile.h"

namespace twill::jobs {
namespace {

const TokenLayout kLayout{.frames = 4, .rows = 16, .cols = 16};

OnlineSvg::Options some_options() {
  return {.model = {.family = "a model",
                    .experts = {"default"},
                    .stacks = {{.name = "blocks", .layers = 2, .heads = 2}},
                    .head_dim = 64},
          .layouts = {kLayout},
          .spatial = make_pattern(Window{.frames = 0, .rows = 1.0, .cols = 1.0}),
          .temporal = make_pattern(MultiDiagonal{.frames = 3, .rows = 0.0, .cols = 0.0}),
          .dense_t = {1.0},
          .dense_first_layers = 1};
}

// Head 0 looks at its own frame, head 1 at its own place in all frames.
struct Inputs {
  at::Tensor q = at::zeros({1, 2, kLayout.tokens(), 64});
  at::Tensor v;
  Inputs() {
    at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(std::uint64_t{1});
    v = at::randn({1, 2, kLayout.tokens(), 64}, generator, at::kFloat);
    const at::Tensor code = at::randn({256, 64}, generator, at::kFloat) * 3.0;
    for (std::int64_t i = 0; i < kLayout.tokens(); ++i) {
      q.select(2, i).select(1, 0).copy_(code[i / 256].unsqueeze(0));
      q.select(2, i).select(1, 1).copy_(code[i % 256].unsqueeze(0));
    }
  }
};

double error_of(const at::Tensor& out, const at::Tensor& wanted, std::int64_t head) {
  return (out - wanted).select(1, head).abs().max().item<double>();
}

TEST(OnlineSvg, EveryHeadTakesWhatServesItInThisCall) {
  const Inputs in;
  OnlineSvg svg(some_options());
  engine::DenseAttention dense;
  const engine::AttentionSite site{.layer = 1, .t = 0.5};
  const at::Tensor wanted = dense.run(in.q, in.q, in.v, site);
  const at::Tensor out = svg.run(in.q, in.q, in.v, site);
  EXPECT_LT(error_of(out, wanted, 0), 1e-3);
  EXPECT_LT(error_of(out, wanted, 1), 1e-3);
  const double spatial = static_cast<double>(pattern_tiles(some_options().spatial, kLayout));
  const double temporal = static_cast<double>(pattern_tiles(some_options().temporal, kLayout));
  EXPECT_DOUBLE_EQ(svg.density(),
                   (spatial + temporal) / 2.0 / static_cast<double>(dense_tiles(kLayout)));
  // With the heads exchanged the choice is exchanged.
  const at::Tensor swapped = svg.run(in.q.flip(1), in.q.flip(1), in.v.flip(1), site);
  EXPECT_LT((swapped.flip(1) - out).abs().max().item<double>(), 1e-6);
}

TEST(OnlineSvg, ToldStepsAndLayersAreDense) {
  const Inputs in;
  OnlineSvg svg(some_options());
  svg.run(in.q, in.q, in.v, {.layer = 0, .t = 0.5});
  svg.run(in.q, in.q, in.v, {.layer = 1, .t = 1.0});
  EXPECT_DOUBLE_EQ(svg.density(), 1.0);
}

}  // namespace
}  // namespace twill::jobs
