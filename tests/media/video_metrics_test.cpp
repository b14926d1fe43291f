// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/media/video_metrics.h"

#include <cmath>
#include <limits>
#include <vector>

#include "engine/engine_support.h"
#include "twill/engine/noise.h"

namespace twill::media {
namespace {

using engine::make_noise;

// A clip with gradients and noise, and one near it.
at::Tensor clip_of(at::IntArrayRef shape, std::uint64_t seed) {
  const at::Tensor ramp = at::arange(shape[1] * shape[2], at::kFloat).view({1, shape[1], shape[2]});
  return (make_noise(shape, seed) * 40 + (ramp.unsqueeze(-1) * 3.0).fmod(256.0))
      .clamp(0, 255)
      .to(at::kByte);
}

double value(const at::Tensor& clip, std::int64_t f, std::int64_t y, std::int64_t x,
             std::int64_t c) {
  const std::int64_t at = ((f * clip.size(1) + y) * clip.size(2) + x) * 3 + c;
  return clip.const_data_ptr<std::uint8_t>()[at];
}

double luma(const at::Tensor& clip, std::int64_t f, std::int64_t y, std::int64_t x) {
  return 0.299 * value(clip, f, y, x, 0) + 0.587 * value(clip, f, y, x, 1) +
         0.114 * value(clip, f, y, x, 2);
}

double psnr_by_definition(const at::Tensor& a, const at::Tensor& b) {
  double sum = 0.0;
  for (std::int64_t f = 0; f < a.size(0); ++f) {
    for (std::int64_t y = 0; y < a.size(1); ++y) {
      for (std::int64_t x = 0; x < a.size(2); ++x) {
        for (std::int64_t c = 0; c < 3; ++c) {
          sum += std::pow(value(a, f, y, x, c) - value(b, f, y, x, c), 2);
        }
      }
    }
  }
  return 10 * std::log10(255.0 * 255.0 / (sum / static_cast<double>(a.numel())));
}

// Variances from the mean of squared distances, two-dimensional windows: not as in the library.
double ssim_by_definition(const at::Tensor& a, const at::Tensor& b) {
  double weights[11][11];
  double total = 0.0;
  for (int i = 0; i < 11; ++i) {
    for (int j = 0; j < 11; ++j) {
      weights[i][j] = std::exp(-((i - 5) * (i - 5) + (j - 5) * (j - 5)) / (2 * 1.5 * 1.5));
      total += weights[i][j];
    }
  }
  double sum = 0.0;
  std::int64_t windows = 0;
  for (std::int64_t f = 0; f < a.size(0); ++f) {
    for (std::int64_t top = 0; top + 11 <= a.size(1); ++top) {
      for (std::int64_t left = 0; left + 11 <= a.size(2); ++left) {
        const auto mean = [&](auto of) {
          double result = 0.0;
          for (int i = 0; i < 11; ++i) {
            for (int j = 0; j < 11; ++j) {
              result += weights[i][j] / total *
                        of(luma(a, f, top + i, left + j), luma(b, f, top + i, left + j));
            }
          }
          return result;
        };
        const double mean_a = mean([](double p, double) { return p; });
        const double mean_b = mean([](double, double q) { return q; });
        const double var_a = mean([&](double p, double) { return std::pow(p - mean_a, 2); });
        const double var_b = mean([&](double, double q) { return std::pow(q - mean_b, 2); });
        const double covariance =
            mean([&](double p, double q) { return (p - mean_a) * (q - mean_b); });
        const double c1 = std::pow(0.01 * 255, 2);
        const double c2 = std::pow(0.03 * 255, 2);
        sum += (2 * mean_a * mean_b + c1) * (2 * covariance + c2) /
               ((mean_a * mean_a + mean_b * mean_b + c1) * (var_a + var_b + c2));
        ++windows;
      }
    }
  }
  return sum / static_cast<double>(windows);
}

// Sums of a few thousand terms, and variances as differences of squares up to 255^2.
constexpr double kAllowed = 1e4 * std::numeric_limits<double>::epsilon();

TEST(VideoMetrics, AreWhatTheirDefinitionsSay) {
  const std::vector<std::int64_t> shapes[] = {{1, 11, 11, 3}, {3, 17, 24, 3}};
  for (const auto& shape : shapes) {
    const at::Tensor a = clip_of(shape, 1);
    const at::Tensor b = clip_of(shape, 2);
    const double db = psnr_by_definition(a, b);
    EXPECT_NEAR(psnr(a, b), db, kAllowed * db);
    const double wanted = ssim_by_definition(a, b);
    EXPECT_LT(wanted, 0.99);
    EXPECT_NEAR(ssim(a, b), wanted, 100 * kAllowed);
  }
}

TEST(VideoMetrics, EqualClipsAndTheFarthestOnes) {
  const at::Tensor clip = clip_of({2, 12, 16, 3}, 3);
  EXPECT_EQ(psnr(clip, clip), std::numeric_limits<double>::infinity());
  EXPECT_NEAR(ssim(clip, clip), 1.0, kAllowed);
  const at::Tensor black = at::zeros({2, 12, 16, 3}, at::kByte);
  EXPECT_DOUBLE_EQ(psnr(black, black + 255), 0.0);
  EXPECT_DOUBLE_EQ(psnr(black, black + 1), 20 * std::log10(255.0));
}

TEST(VideoMetrics, OneBadFrameCountsByItsShareOfTheClip) {
  const at::Tensor black = at::zeros({4, 12, 12, 3}, at::kByte);
  at::Tensor other = black.clone();
  other[2].fill_(10);
  EXPECT_DOUBLE_EQ(psnr(black, other), 10 * std::log10(255.0 * 255.0 / 25.0));
}

TEST(VideoMetrics, ViewsGiveTheirOwnValues) {
  const at::Tensor a = clip_of({2, 12, 32, 3}, 4);
  const at::Tensor b = clip_of({2, 12, 32, 3}, 5);
  const at::Tensor left = a.narrow(2, 3, 13);
  EXPECT_EQ(psnr(left, b.narrow(2, 0, 13)),
            psnr(left.contiguous(), b.narrow(2, 0, 13).contiguous()));
  EXPECT_EQ(ssim(left, b.narrow(2, 0, 13)),
            ssim(left.contiguous(), b.narrow(2, 0, 13).contiguous()));
}

TEST(VideoMetrics, RefusalsNameTheShape) {
  const at::Tensor clip = clip_of({2, 12, 16, 3}, 6);
  EXPECT_ERROR(psnr(clip, clip.narrow(0, 0, 1)),
               "clips of shapes [2, 12, 16, 3] and [1, 12, 16, 3] cannot be compared");
  EXPECT_ERROR(ssim(clip, clip.narrow(2, 0, 11)), "cannot be compared");
  EXPECT_ERROR(psnr(clip.to(at::kFloat), clip), "dtype Float is not [frames, height, width, 3]");
  EXPECT_ERROR(psnr(clip, clip[0]), "a clip of shape [12, 16, 3]");
  EXPECT_ERROR(ssim(clip.narrow(1, 0, 10), clip.narrow(1, 0, 10)),
               "frames of 16x10 are smaller than the 11x11 windows of SSIM");
}

}  // namespace
}  // namespace twill::media
