// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/media/video_metrics.h"

#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "twill/plan/error.h"

namespace twill::media {
namespace {

constexpr std::size_t kWindow = 11;
constexpr double kSigma = 1.5;
constexpr double kC1 = 0.01 * 255 * 0.01 * 255;
constexpr double kC2 = 0.03 * 255 * 0.03 * 255;

std::string size_text(const RgbFrames& clip) {
  return concat(clip.frames, " frames of ", clip.width, "x", clip.height);
}

void check_clips(const RgbFrames& a, const RgbFrames& b) {
  TWILL_ASSERT(a.is_whole() && b.is_whole());
  require(a.width == b.width && a.height == b.height && a.frames == b.frames, ErrorCode::kUsage,
          size_text(a), " and ", size_text(b), " cannot be compared");
}

std::array<double, kWindow> gaussian() {
  std::array<double, kWindow> weights{};
  double sum = 0.0;
  for (std::size_t i = 0; i < kWindow; ++i) {
    const double distance = static_cast<double>(i) - static_cast<double>(kWindow / 2);
    weights[i] = std::exp(-distance * distance / (2 * kSigma * kSigma));
    sum += weights[i];
  }
  for (double& weight : weights) {
    weight /= sum;
  }
  return weights;
}
const std::array<double, kWindow> kWeights = gaussian();

// [height, width, 3] bytes -> [height, width].
std::vector<double> luma(const RgbFrames& frame) {
  std::vector<double> values(frame.rgb.size() / 3);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint8_t* rgb = frame.rgb.data() + 3 * i;
    values[i] = rgb[0] * 0.299 + rgb[1] * 0.587 + rgb[2] * 0.114;
  }
  return values;
}

// The sum over the window of weight[i] * from[i * stride + x], for every x.
void blur(const double* from, std::size_t stride, std::vector<double>& to) {
  for (std::size_t x = 0; x < to.size(); ++x) {
    to[x] = kWeights[0] * from[x];
  }
  for (std::size_t i = 1; i < kWindow; ++i) {
    const double* shifted = from + i * stride;
    for (std::size_t x = 0; x < to.size(); ++x) {
      to[x] += kWeights[i] * shifted[x];
    }
  }
}

double frame_ssim(const RgbFrames& a, const RgbFrames& b) {
  const auto width = static_cast<std::size_t>(a.width);
  const auto height = static_cast<std::size_t>(a.height);
  // Of the first clip, the second, their squares and their product.
  std::array<std::vector<double>, 5> maps{luma(a), luma(b)};
  const std::size_t pixels = maps[0].size();
  for (std::size_t map = 2; map < maps.size(); ++map) {
    maps[map].resize(pixels);
  }
  for (std::size_t i = 0; i < pixels; ++i) {
    maps[2][i] = maps[0][i] * maps[0][i];
    maps[3][i] = maps[1][i] * maps[1][i];
    maps[4][i] = maps[0][i] * maps[1][i];
  }
  const std::size_t across = width - kWindow + 1;
  const std::size_t down = height - kWindow + 1;
  std::vector<double> column(width);
  std::array<std::vector<double>, 5> mean;
  mean.fill(std::vector<double>(across));
  double sum = 0.0;
  for (std::size_t y = 0; y < down; ++y) {
    for (std::size_t map = 0; map < maps.size(); ++map) {
      blur(maps[map].data() + y * width, width, column);
      blur(column.data(), 1, mean[map]);
    }
    double row = 0.0;
    for (std::size_t x = 0; x < across; ++x) {
      const double product = mean[0][x] * mean[1][x];
      const double squares = mean[0][x] * mean[0][x] + mean[1][x] * mean[1][x];
      const double covariance = mean[4][x] - product;
      const double variances = mean[2][x] + mean[3][x] - squares;
      row += (2 * product + kC1) * (2 * covariance + kC2) / ((squares + kC1) * (variances + kC2));
    }
    sum += row;
  }
  return sum / static_cast<double>(across * down);
}

bool one_colour(const RgbFrames& clip) {
  for (std::size_t i = 3; i < clip.rgb.size(); ++i) {
    if (clip.rgb[i] != clip.rgb[i - 3]) {
      return false;
    }
  }
  return true;
}

}  // namespace

double psnr(const RgbFrames& a, const RgbFrames& b) {
  check_clips(a, b);
  std::int64_t squares = 0;  // exact
  for (std::size_t i = 0; i < a.rgb.size(); ++i) {
    const int difference = int{a.rgb[i]} - int{b.rgb[i]};
    squares += difference * difference;
  }
  if (squares == 0) {
    return std::numeric_limits<double>::infinity();
  }
  const double mse = static_cast<double>(squares) / static_cast<double>(a.rgb.size());
  return 10.0 * std::log10(255.0 * 255.0 / mse);
}

double ssim(const RgbFrames& a, const RgbFrames& b) {
  check_clips(a, b);
  constexpr auto kSide = static_cast<std::int32_t>(kWindow);
  require(a.height >= kSide && a.width >= kSide, ErrorCode::kUsage, "frames of ", a.width, "x",
          a.height, " are smaller than the ", kSide, "x", kSide, " windows of SSIM");
  double sum = 0.0;
  for (std::int32_t i = 0; i < a.frames; ++i) {
    sum += frame_ssim(a.at(i), b.at(i));
  }
  return sum / static_cast<double>(a.frames);
}

ClipQuality compare(const RgbFrames& dense, const RgbFrames& sparse, const std::stop_token& stop,
                    FrameQuality* each) {
  require(
      !one_colour(dense) || !one_colour(sparse), ErrorCode::kModel,
      "both clips are one colour from the first pixel to the last, as a broken model makes them: "
      "PSNR and SSIM would say nothing");
  ClipQuality quality{.psnr_db = psnr(dense, sparse)};
  for (std::int32_t i = 0; i < dense.frames; ++i) {
    if (stop.stop_requested()) {
      throw Cancelled();
    }
    const double of_frame = ssim(dense.at(i), sparse.at(i));
    quality.ssim += of_frame;
    if (each != nullptr) {
      each->psnr_db.push_back(psnr(dense.at(i), sparse.at(i)));
      each->ssim.push_back(of_frame);
    }
  }
  quality.ssim /= static_cast<double>(dense.frames);
  return quality;
}

}  // namespace twill::media
