// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The fused steps of transformer and VAE against loops in double.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <vector>

#include "dit_ops.h"
#include "engine_support.h"
#include "vae_ops.h"

namespace twill::engine {
namespace {

double item(const at::Tensor& x, at::IntArrayRef at) {
  at::Tensor value = x;
  for (const std::int64_t i : at) {
    value = value[i];
  }
  return value.item<double>();
}

// A few roundings of the largest value: what any order of these few operations in fp32 may lose,
// plus one rounding to the dtype of the result.
double bound(const at::Tensor& exact, at::ScalarType dtype) {
  const double largest = exact.abs().max().item<double>();
  const double store = dtype == at::kBFloat16 ? 0x1p-8 : dtype == at::kHalf ? 0x1p-11 : 0x1p-24;
  return largest * (store + 16 * 0x1p-24);
}

void expect_near(const at::Tensor& out, const at::Tensor& exact) {
  ASSERT_EQ(out.sizes(), exact.sizes());
  EXPECT_LE((out.to(at::kCPU, at::kDouble) - exact).abs().max().item<double>(),
            bound(exact, out.scalar_type()))
      << "on " << out.device().str();
}

struct Case {
  const char* why;
  std::int64_t batch, tokens, heads, head_dim;
  at::ScalarType dtype;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.why; }
std::string name_of(const ::testing::TestParamInfo<Case>& info) { return info.param.why; }

class DitOps : public ::testing::TestWithParam<Case> {};

TEST_P(DitOps, LayerNormAffineIsItsDefinition) {
  const auto [why, batch, tokens, heads, head_dim, dtype] = GetParam();
  const std::int64_t dim = heads * head_dim;
  const at::Tensor x = at::randn({batch, tokens, dim}) * 3 + 1.5;
  for (const std::int64_t rows : {std::int64_t{1}, batch}) {
    const at::Tensor multiply = at::randn({rows, dim});
    const at::Tensor add = at::randn({rows, dim});
    at::Tensor exact = at::empty(x.sizes(), at::kDouble);
    for (std::int64_t b = 0; b < batch; ++b) {
      for (std::int64_t t = 0; t < tokens; ++t) {
        double mean = 0;
        double variance = 0;
        for (std::int64_t i = 0; i < dim; ++i) {
          mean += item(x, {b, t, i}) / static_cast<double>(dim);
        }
        for (std::int64_t i = 0; i < dim; ++i) {
          variance += std::pow(item(x, {b, t, i}) - mean, 2) / static_cast<double>(dim);
        }
        for (std::int64_t i = 0; i < dim; ++i) {
          const std::int64_t row = rows == 1 ? 0 : b;
          exact[b][t][i] =
              (item(x, {b, t, i}) - mean) / std::sqrt(variance + 1e-6) * item(multiply, {row, i}) +
              item(add, {row, i});
        }
      }
    }
    for (const at::Device device : testing::devices_here()) {
      expect_near(layer_norm_affine(x.to(device), multiply.to(device), add.to(device), dtype),
                  exact);
    }
  }
}

TEST_P(DitOps, RmsNormAndRopeAreTheirDefinition) {
  const auto [why, batch, tokens, heads, head_dim, dtype] = GetParam();
  const std::int64_t dim = heads * head_dim;
  const std::int64_t side = head_dim / 6 * 2;
  // The middle third of a wider tensor, as q, k and v stand in one product.
  const at::Tensor wide = (at::randn({batch, tokens, 3 * dim}) * 2).to(dtype);
  const at::Tensor x = wide.narrow(2, dim, dim).to(at::kDouble);
  const at::Tensor weight = at::randn({dim});
  const RopeTable table =
      make_rope_table(1, 1, tokens, head_dim, at::kCPU);  // all places lie along the columns
  for (const bool rotated : {false, true}) {
    at::Tensor exact = at::empty(x.sizes(), at::kDouble);
    for (std::int64_t b = 0; b < batch; ++b) {
      for (std::int64_t t = 0; t < tokens; ++t) {
        double square = 0;
        for (std::int64_t i = 0; i < dim; ++i) {
          square += std::pow(item(x, {b, t, i}), 2) / static_cast<double>(dim);
        }
        const auto normed = [&](std::int64_t i) {
          return item(x, {b, t, i}) / std::sqrt(square + 1e-6) * item(weight, {i});
        };
        for (std::int64_t i = 0; i < dim; ++i) {
          const std::int64_t in_head = i % head_dim;
          const std::int64_t first_of_columns = head_dim - side;
          double angle = 0;
          if (rotated && in_head >= first_of_columns) {
            const auto pair = static_cast<double>((in_head - first_of_columns) / 2);
            angle =
                static_cast<double>(t) / std::pow(10000.0, 2 * pair / static_cast<double>(side));
          }
          const double partner = i % 2 == 0 ? -normed(i + 1) : normed(i - 1);
          exact[b][t][i] = normed(i) * std::cos(angle) + partner * std::sin(angle);
        }
      }
    }
    for (const at::Device device : testing::devices_here()) {
      const at::Tensor copy = wide.to(device, wide.scalar_type(), false, /*copy=*/true);
      at::Tensor out = copy.narrow(2, dim, dim);
      const RopeTable there{table.cos.to(device), table.sin.to(device)};
      rms_norm_rope_(out, weight.to(device), rotated ? &there : nullptr);
      expect_near(out, exact);
      for (const std::int64_t beside : {std::int64_t{0}, 2 * dim}) {
        EXPECT_TRUE(copy.narrow(2, beside, dim).cpu().equal(wide.narrow(2, beside, dim)))
            << "the neighbours were written to";
      }
    }
  }
}

TEST_P(DitOps, GatedAddIsItsDefinition) {
  const auto [why, batch, tokens, heads, head_dim, dtype] = GetParam();
  const std::int64_t dim = heads * head_dim;
  const at::Tensor x = at::randn({batch, tokens, dim});
  const at::Tensor y = at::randn({batch, tokens, dim}).to(dtype);
  // As one of the six of a modulation: rows are apart.
  const at::Tensor gate = at::randn({batch, 6, dim}).select(1, 2);
  const at::Tensor exact =
      x.to(at::kDouble) + y.to(at::kDouble) * gate.to(at::kDouble).unsqueeze(1);
  for (const at::Device device : testing::devices_here()) {
    at::Tensor sum = x.to(device, at::kFloat, false, /*copy=*/true);
    add_gated_(sum, y.to(device), gate.to(device));
    expect_near(sum, exact);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, DitOps,
    ::testing::Values(Case{"one_token", 1, 1, 1, 8, at::kFloat},
                      Case{"two_rows_of_a_batch", 2, 5, 2, 16, at::kFloat},
                      Case{"width_fills_no_vector", 1, 3, 3, 6, at::kFloat},
                      Case{"demo_head", 1, 4, 2, 64, at::kFloat},
                      Case{"bf16", 2, 3, 2, 12, at::kBFloat16},
                      Case{"fp16", 1, 3, 1, 16, at::kHalf},
                      Case{"wider_than_a_pass_of_a_block", 2, 2, 20, 128, at::kBFloat16},
                      Case{"as_wide_as_a_gpu_takes", 1, 1, 64, 128, at::kHalf},
                      Case{"wider_than_a_gpu_takes", 1, 1, 65, 128, at::kFloat}),
    name_of);

TEST_P(DitOps, LinearGeluIsItsDefinition) {
  const auto [why, batch, tokens, heads, head_dim, dtype] = GetParam();
  const std::int64_t dim = std::min<std::int64_t>(heads * head_dim, 64);
  const at::Tensor x = at::randn({batch, tokens, dim}).to(dtype);
  const at::Tensor weight = at::randn({24, dim}).to(dtype);
  const at::Tensor bias = at::randn({24}).to(dtype);
  const at::Tensor sum =
      at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
  const at::Tensor inner = std::sqrt(2.0 / M_PI) * (sum + 0.044715 * sum.pow(3));
  const at::Tensor exact = 0.5 * sum * (1 + inner.tanh());
  for (const at::Device device : testing::devices_here()) {
    const at::Tensor out = linear_gelu(x.to(device), weight.to(device), bias.to(device));
    ASSERT_EQ(out.sizes(), exact.sizes());
    // The sum is rounded to the dtype first, of sums as large as the largest.
    const double error = (out.to(at::kCPU, at::kDouble) - exact).abs().max().item<double>();
    const double largest = sum.abs().max().item<double>();
    const double store = dtype == at::kBFloat16 ? 0x1p-8 : dtype == at::kHalf ? 0x1p-10 : 0x1p-18;
    EXPECT_LE(error, 2.2 * largest * store) << "on " << device.str();
  }
}

TEST_P(DitOps, GeluIsItsDefinition) {
  const auto [why, batch, tokens, heads, head_dim, dtype] = GetParam();
  at::Tensor x = (at::randn({batch, tokens, heads * head_dim}) * 4).to(dtype);
  x[0][0][0] = -100.0;
  x[0][0][1] = 100.0;
  x[0][0][2] = 0.0;
  const at::Tensor wide = x.to(at::kDouble);
  const at::Tensor inner = std::sqrt(2.0 / M_PI) * (wide + 0.044715 * wide.pow(3));
  const at::Tensor exact = 0.5 * wide * (1 + inner.tanh());
  gelu_tanh_(x);
  expect_near(x, exact);
  // Near 0 the error must shrink with the value: the bound above is that of the largest.
  at::Tensor small = at::linspace(-0.01, 0.01, 17);
  const at::Tensor small_wide = small.to(at::kDouble);
  const at::Tensor small_exact =
      0.5 * small_wide *
      (1 + (std::sqrt(2.0 / M_PI) * (small_wide + 0.044715 * small_wide.pow(3))).tanh());
  gelu_tanh_(small);
  EXPECT_LE((small.to(at::kDouble) - small_exact).abs().max().item<double>(), 4 * 0x1p-24 * 0.01);
}

TEST(RopeTable, AxesTakeTheirSharesInOrder) {
  const RopeTable table = make_rope_table(2, 3, 4, 128, at::kCPU);
  ASSERT_EQ(table.cos.sizes(), (at::IntArrayRef{24, 64}));
  // Token (1, 2, 3); the head's 128 elements are 44 for frames, 42 for rows, 42 for columns.
  const std::int64_t token = (1 * 3 + 2) * 4 + 3;
  const auto angle = [](double place, double pair, double width) {
    return place / std::pow(10000.0, 2 * pair / width);
  };
  EXPECT_NEAR(item(table.cos, {token, 1}), std::cos(angle(1, 1, 44)), 1e-7);
  EXPECT_NEAR(item(table.sin, {token, 21}), std::sin(angle(1, 21, 44)), 1e-7);
  EXPECT_NEAR(item(table.sin, {token, 22}), std::sin(angle(2, 0, 42)), 1e-7);
  EXPECT_NEAR(item(table.sin, {token, 42}), std::sin(angle(2, 20, 42)), 1e-7);
  EXPECT_NEAR(item(table.cos, {token, 43}), std::cos(angle(3, 0, 42)), 1e-7);
  EXPECT_NEAR(item(table.sin, {token, 63}), std::sin(angle(3, 20, 42)), 1e-7);
}

struct TapsCase {
  const char* why;
  std::int64_t frames, rows, cols, channels;
  at::ScalarType dtype;
};
void PrintTo(const TapsCase& c, std::ostream* out) { *out << c.why; }
class NormSiluTaps : public ::testing::TestWithParam<TapsCase> {};

TEST_P(NormSiluTaps, IsItsDefinitionPieceByPiece) {
  const auto [why, frames, rows, cols, channels, dtype] = GetParam();
  at::Tensor x = (at::randn({frames, rows, cols, channels}) * 10).to(dtype);
  x[0][0][0].zero_();  // a norm of zero
  const at::Tensor gamma = at::randn({channels}) * 5;
  at::Tensor exact = at::zeros({frames, rows, cols, 3 * channels}, at::kDouble);
  for (std::int64_t f = 0; f < frames; ++f) {
    for (std::int64_t p = 0; p < rows * cols; ++p) {
      const at::Tensor pixel = x[f][p / cols][p % cols].to(at::kDouble);
      double square = 0;
      for (std::int64_t c = 0; c < channels; ++c) {
        square += std::pow(item(pixel, {c}), 2);
      }
      for (std::int64_t c = 0; c < channels; ++c) {
        const double normed = item(pixel, {c}) / std::max(std::sqrt(square), 1e-12) *
                              std::sqrt(static_cast<double>(channels)) * item(gamma, {c});
        const double value = normed / (1 + std::exp(-normed));
        for (std::int64_t later = 0; later < 3 && f + later < frames; ++later) {
          exact[f + later][p / cols][p % cols][(2 - later) * channels + c] = value;
        }
      }
    }
  }
  for (std::int64_t piece = 1; piece <= frames; ++piece) {
    for (const at::Device device : testing::devices_here()) {
      const at::Tensor clip = x.to(device);
      at::Tensor history;
      at::Tensor buffer;
      std::vector<at::Tensor> parts;
      for (std::int64_t first = 0; first < frames; first += piece) {
        const at::Tensor part = clip.narrow(0, first, std::min(piece, frames - first));
        parts.push_back(norm_silu_taps(part, gamma.to(device), history, buffer).clone());
      }
      expect_near(at::cat(parts), exact);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, NormSiluTaps,
    ::testing::Values(TapsCase{"one_frame", 1, 2, 3, 8, at::kFloat},
                      TapsCase{"two_frames", 2, 1, 1, 16, at::kFloat},
                      TapsCase{"five_frames_many_blocks", 5, 9, 8, 8, at::kFloat},
                      TapsCase{"channels_fill_no_vector", 4, 2, 2, 12, at::kFloat},
                      TapsCase{"fewer_channels_than_a_vector", 3, 2, 2, 3, at::kFloat},
                      TapsCase{"one_pixel_is_more_than_a_block", 2, 1, 2, 520, at::kFloat},
                      TapsCase{"channels_of_half_a_warp", 3, 5, 7, 96, at::kBFloat16},
                      TapsCase{"channels_of_a_warp_and_a_half", 3, 2, 3, 384, at::kBFloat16},
                      TapsCase{"bf16", 4, 3, 2, 16, at::kBFloat16},
                      TapsCase{"fp16", 4, 3, 2, 16, at::kHalf}),
    [](const auto& row) { return std::string(row.param.why); });

TEST(NormSiluTaps, LargeNegativeValuesGiveZeroNotNan) {
  at::Tensor history;
  at::Tensor buffer;
  const at::Tensor gamma = at::full({8}, 1e6);
  const at::Tensor taps = norm_silu_taps(at::full({1, 1, 1, 8}, -1.0), gamma, history, buffer);
  EXPECT_TRUE(taps.isfinite().all().item<bool>());
  EXPECT_LE(taps.abs().max().item<double>(), 1e-25);
  const at::Tensor large =
      norm_silu_taps(at::full({1, 1, 1, 8}, 1.0), gamma, history, buffer).narrow(3, 16, 8);
  EXPECT_NEAR(large.max().item<double>(), 1e6, 1.0);
}

TEST(MakeTaps, ShowsTwoFramesBackAcrossPieces) {
  const at::Tensor x = at::arange(1, 6).to(at::kFloat).view({5, 1, 1, 1});
  for (const std::int64_t piece : {1, 2, 5}) {
    at::Tensor history;
    std::vector<at::Tensor> parts;
    for (std::int64_t first = 0; first < 5; first += piece) {
      parts.push_back(
          make_taps(x.narrow(0, first, std::min<std::int64_t>(piece, 5 - first)), history));
    }
    const at::Tensor taps = at::cat(parts).view({5, 3});
    for (std::int64_t f = 0; f < 5; ++f) {
      for (std::int64_t tap = 0; tap < 3; ++tap) {
        EXPECT_EQ(item(taps, {f, tap}),
                  static_cast<double>(std::max<std::int64_t>(0, f + tap - 1)));
      }
    }
  }
}

}  // namespace
}  // namespace twill::engine
