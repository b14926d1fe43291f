// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/media/video_metrics.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>
#include <limits>

#include "twill/plan/error.h"

namespace twill::media {
namespace {

constexpr std::int64_t kWindow = 11;
constexpr double kSigma = 1.5;
constexpr double kC1 = 0.01 * 255 * 0.01 * 255;
constexpr double kC2 = 0.03 * 255 * 0.03 * 255;

void check_clips(const at::Tensor& a, const at::Tensor& b) {
  for (const at::Tensor& clip : {a, b}) {
    require(
        clip.scalar_type() == at::kByte && clip.dim() == 4 && clip.size(3) == 3 && clip.numel() > 0,
        ErrorCode::kUsage, "a clip of shape ", clip.sizes(), " and dtype ",
        c10::toString(clip.scalar_type()), " is not [frames, height, width, 3] of bytes");
  }
  require(a.sizes() == b.sizes(), ErrorCode::kUsage, "clips of shapes ", a.sizes(), " and ",
          b.sizes(), " cannot be compared");
}

std::array<double, kWindow> gaussian() {
  std::array<double, kWindow> weights{};
  double sum = 0.0;
  for (std::int64_t i = 0; i < kWindow; ++i) {
    const double distance = static_cast<double>(i - kWindow / 2);
    weights[static_cast<std::size_t>(i)] = std::exp(-distance * distance / (2 * kSigma * kSigma));
    sum += weights[static_cast<std::size_t>(i)];
  }
  for (double& weight : weights) {
    weight /= sum;
  }
  return weights;
}

// [maps, height, width] -> [maps, height - 10, width - 10]. A sum of shifted views: ATen's
// convolution in double would first copy every window out.
at::Tensor blur(at::Tensor maps) {
  static const std::array<double, kWindow> kWeights = gaussian();
  for (const std::int64_t axis : {1, 2}) {
    const std::int64_t size = maps.size(axis) - kWindow + 1;
    at::Tensor sum = maps.narrow(axis, 0, size) * kWeights[0];
    for (std::int64_t i = 1; i < kWindow; ++i) {
      sum.add_(maps.narrow(axis, i, size), kWeights[static_cast<std::size_t>(i)]);
    }
    maps = sum;
  }
  return maps;
}

// [height, width, 3] bytes -> [height, width] double.
at::Tensor luma(const at::Tensor& frame) {
  const at::Tensor rgb = frame.to(at::kDouble);
  return rgb.select(2, 0) * 0.299 + rgb.select(2, 1) * 0.587 + rgb.select(2, 2) * 0.114;
}

double frame_ssim(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor maps = blur(at::stack({a, b, a * a, b * b, a * b}));
  const at::Tensor mean_product = maps[0] * maps[1];
  const at::Tensor mean_squares = maps[0].square() + maps[1].square();
  const at::Tensor covariance = maps[4] - mean_product;
  const at::Tensor variances = maps[2] + maps[3] - mean_squares;
  const at::Tensor above = (2 * mean_product + kC1) * (2 * covariance + kC2);
  const at::Tensor below = (mean_squares + kC1) * (variances + kC2);
  return (above / below).mean().item<double>();
}

}  // namespace

double psnr(const at::Tensor& a, const at::Tensor& b) {
  check_clips(a, b);
  std::int64_t squares = 0;  // exact
  for (std::int64_t i = 0; i < a.size(0); ++i) {
    const at::Tensor difference = a[i].to(at::kInt) - b[i].to(at::kInt);
    squares += difference.square_().sum(at::kLong).item<std::int64_t>();
  }
  if (squares == 0) {
    return std::numeric_limits<double>::infinity();
  }
  const double mse = static_cast<double>(squares) / static_cast<double>(a.numel());
  return 10.0 * std::log10(255.0 * 255.0 / mse);
}

double ssim(const at::Tensor& a, const at::Tensor& b) {
  check_clips(a, b);
  require(a.size(1) >= kWindow && a.size(2) >= kWindow, ErrorCode::kUsage, "frames of ", a.size(2),
          "x", a.size(1), " are smaller than the ", kWindow, "x", kWindow, " windows of SSIM");
  double sum = 0.0;
  for (std::int64_t i = 0; i < a.size(0); ++i) {
    sum += frame_ssim(luma(a[i]), luma(b[i]));
  }
  return sum / static_cast<double>(a.size(0));
}

}  // namespace twill::media
