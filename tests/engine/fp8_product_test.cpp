// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "fp8_product.h"

#include <ATen/ATen.h>

#include "engine_support.h"
#include "kept_values.h"
#include "twill/engine/attention.h"
#include "twill/engine/model.h"
#include "twill/engine/wan_dit.h"

namespace twill::engine {
namespace {

using testing::dit_metadata;
using testing::random_dit;
using testing::saved;
using testing::TempDir;

// e4m3 has three bits behind the point: half a step is 1/16 of a number at most, and 2^-10 of the
// row's scale below its normal numbers.
TEST(Fp8Product, ARowIsRoundedWithinItsScale) {
  at::Tensor weight = at::randn({5, 48});
  weight[1] *= 1e4;
  weight[2] *= 1e-6;
  weight[3].zero_();
  const KeptMatrix kept = as_fp8(weight);
  const at::Tensor scale = kept.scale.view({-1, 1}).to(at::kDouble);
  const at::Tensor error = (values_of({kept}, at::kFloat).to(at::kDouble) - weight).abs();
  EXPECT_TRUE(
      (error <= at::maximum(weight.abs().to(at::kDouble) * (0x1p-4 + 0x1p-20), scale * 0x1p-10))
          .all()
          .item<bool>());
  EXPECT_TRUE(at::allclose(kept.scale, weight.abs().amax(1).clamp_min(1e-12) / 448));
}

// Of numbers that fp8 holds, the product is that of fp32.
TEST(Fp8Product, IsExactWhereTheNumbersAre) {
  const at::Tensor x = at::randint(-4, 5, {1, 6, 32}).to(at::kBFloat16);
  x.select(2, 0).fill_(7.0);  // 448 is 64 of it: every quotient is a number of e4m3
  const at::Tensor weight = at::randint(-4, 5, {16, 32}).to(at::kFloat);
  weight.select(1, 0).fill_(-7.0);
  const at::Tensor bias = at::randint(-4, 5, {16}).to(at::kBFloat16);
  const at::Tensor exact = at::linear(x.to(at::kFloat), weight, bias.to(at::kFloat));
  const at::Tensor out = fp8_linear(x, as_fp8(weight), bias);
  ASSERT_EQ(out.sizes(), (std::vector<std::int64_t>{1, 6, 16}));
  EXPECT_TRUE(at::equal(out, exact.to(at::kBFloat16)));
}

// Both factors err by 1/16 at most: on the average of their signs far less.
TEST(Fp8Product, IsNearTheExactOne) {
  const at::Tensor x = at::randn({2, 9, 64}).to(at::kBFloat16);
  const at::Tensor weight = at::randn({32, 64});
  const at::Tensor bias = at::randn({32}).to(at::kBFloat16);
  const at::Tensor exact =
      at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
  const at::Tensor sizes =
      at::matmul(x.to(at::kDouble).abs(), weight.to(at::kDouble).abs().t()) + bias.abs();
  const at::Tensor error = (fp8_linear(x, as_fp8(weight), bias).to(at::kDouble) - exact).abs();
  EXPECT_TRUE((error <= sizes * (2 * 0x1p-4 + 0x1p-7)).all().item<bool>());
  EXPECT_LE((error.square().sum() / exact.square().sum()).sqrt().item<double>(), 0x1p-4);
}

TEST(Fp8Product, TakesWholeSixteensOfE4m3WithoutLoras) {
  EXPECT_TRUE(takes_fp8(as_fp8(at::randn({32, 48}))));
  EXPECT_FALSE(takes_fp8(as_fp8(at::randn({32, 40}))));
  EXPECT_FALSE(takes_fp8(as_fp8(at::randn({24, 48}))));
  EXPECT_FALSE(takes_fp8({.rows = 32, .columns = 48, .values = at::randn({32, 48})}));
  KeptMatrix changed = as_fp8(at::randn({32, 48}));
  changed.added.push_back({.up = at::ones({32, 1}), .down = at::ones({1, 48})});
  EXPECT_FALSE(takes_fp8(changed));
}

TEST(Fp8Product, OfAGpuIsThatOfTheCpu) {
  if (!at::globalContext().hasCUDA()) {
    GTEST_SKIP() << "no CUDA device, or a LibTorch without CUDA";
  }
  if (const std::string why = why_no_fp8(at::Device(at::kCUDA, 0)); !why.empty()) {
    GTEST_SKIP() << why;
  }
  for (const std::int64_t columns : {16, 1536, 8960, 14336}) {
    const at::Tensor x = (at::randn({1, 70, columns}) * 3).to(at::kBFloat16);
    const at::Tensor weight = at::randn({64, columns});
    const at::Tensor bias = at::randn({64}).to(at::kBFloat16);
    const KeptMatrix here = as_fp8(weight), there = as_fp8(weight.cuda());
    EXPECT_TRUE(at::equal(there.values.cpu(), here.values)) << columns;
    EXPECT_TRUE(at::equal(there.scale.cpu(), here.scale)) << columns;
    const at::Tensor on_gpu = fp8_linear(x.cuda(), there, bias.cuda()).cpu().to(at::kDouble);
    const at::Tensor on_cpu = fp8_linear(x, here, bias).to(at::kDouble);
    // Two roundings to bf16, and sums of a GPU's fp8 units, which keep 14 bits of a product beside
    // the greatest (Hopper, by DeepSeek-V3's report, arXiv 2412.19437): below 2^-11 of the sum of
    // sizes.
    const at::Tensor sizes =
        at::matmul(x[0].to(at::kDouble).abs(), weight.to(at::kDouble).abs().t());
    EXPECT_TRUE(
        ((on_gpu - on_cpu).abs() <= on_cpu.abs() * 0x1p-7 + sizes * 0x1p-11).all().item<bool>())
        << columns;
  }
}

// Every layer's products, whatever the file has: rows are rounded to fp8 and nothing else changes.
TEST(Fp8Products, OfANetworkComeNearThoseOfBf16) {
  const TempDir folder;
  const testing::SmallDit shape{.heads = 2, .head_dim = 16, .layers = 2, .ffn = 48};
  const testing::Tensors tensors = random_dit(shape, 1);
  testing::Tensors in_fp8 = tensors;
  for (auto& [name, values] : in_fp8) {
    if (name.starts_with("blocks.") && values.dim() == 2) {
      values = values.to(at::kFloat8_e4m3fn);
    }
  }
  const at::Tensor x = at::randn({1, 16, 2, 4, 6});
  const at::Tensor text = at::randn({1, 3, shape.text_dim});
  const auto run = [&](const testing::Tensors& given, bool fp8, std::optional<LayerLimits> limits) {
    const Weights weights = saved(folder / "dit.safetensors", given, dit_metadata(shape));
    const WanDit dit(weights, detect_wan_config(weights),
                     {.dtype = at::kBFloat16, .limits = limits, .fp8_products = fp8});
    DenseAttention dense;
    return dit.forward(x, at::full({1}, 500.0), text, dense, {}).to(at::kDouble);
  };
  for (const testing::Tensors& given : {tensors, in_fp8}) {
    const at::Tensor exact = run(given, false, std::nullopt);
    const at::Tensor made = run(given, true, std::nullopt);
    const double error =
        ((made - exact).square().sum() / exact.square().sum()).sqrt().item<double>();
    EXPECT_GT(error, 1e-3);
    EXPECT_LT(error, 0.1);
    EXPECT_TRUE(at::equal(run(given, true, LayerLimits{}), made));
  }
}

TEST(Fp8Products, AreRefusedOnACpu) {
  EXPECT_EQ(why_no_fp8(at::kCPU),
            "products in fp8 need an NVIDIA GPU of compute capability 8.9 or more (RTX 40 and "
            "newer), and this runs on the CPU");
}

}  // namespace
}  // namespace twill::engine
