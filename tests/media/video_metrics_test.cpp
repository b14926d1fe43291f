// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/media/video_metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <stop_token>

#include "expect_error.h"
#include "media/made_up_clips.h"

namespace twill::media {
namespace {

using testing::flat_clip;
using testing::made_clip;

// Gradients and noise: clips of two seeds are near each other.
RgbClip clip_of(std::int32_t frames, std::int32_t height, std::int32_t width, unsigned seed) {
  std::mt19937 random(seed);
  return made_clip(frames, height, width, [&](int, int y, int x, int) {
    const int noise = static_cast<int>(random() % 121) - 60;
    return std::clamp((y * width + x) * 3 % 256 + noise, 0, 255);
  });
}

double value(const RgbClip& clip, std::int32_t f, std::int32_t y, std::int32_t x, std::int32_t c) {
  return clip.frame(f)[(y * clip.width + x) * 3 + c];
}

double luma(const RgbClip& clip, std::int32_t f, std::int32_t y, std::int32_t x) {
  return 0.299 * value(clip, f, y, x, 0) + 0.587 * value(clip, f, y, x, 1) +
         0.114 * value(clip, f, y, x, 2);
}

double psnr_by_definition(const RgbClip& a, const RgbClip& b) {
  double sum = 0.0;
  for (std::int32_t f = 0; f < a.frames; ++f) {
    for (std::int32_t y = 0; y < a.height; ++y) {
      for (std::int32_t x = 0; x < a.width; ++x) {
        for (std::int32_t c = 0; c < 3; ++c) {
          sum += std::pow(value(a, f, y, x, c) - value(b, f, y, x, c), 2);
        }
      }
    }
  }
  return 10 * std::log10(255.0 * 255.0 / (sum / static_cast<double>(a.rgb.size())));
}

// Variances from the mean of squared distances, two-dimensional windows: not as in the library.
double ssim_by_definition(const RgbClip& a, const RgbClip& b) {
  double weights[11][11];
  double total = 0.0;
  for (int i = 0; i < 11; ++i) {
    for (int j = 0; j < 11; ++j) {
      weights[i][j] = std::exp(-((i - 5) * (i - 5) + (j - 5) * (j - 5)) / (2 * 1.5 * 1.5));
      total += weights[i][j];
    }
  }
  double sum = 0.0;
  std::int32_t windows = 0;
  for (std::int32_t f = 0; f < a.frames; ++f) {
    for (std::int32_t top = 0; top + 11 <= a.height; ++top) {
      for (std::int32_t left = 0; left + 11 <= a.width; ++left) {
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
  for (const auto& [frames, height, width] : {std::array{1, 11, 11}, {3, 17, 24}}) {
    const RgbClip a = clip_of(frames, height, width, 1);
    const RgbClip b = clip_of(frames, height, width, 2);
    const double db = psnr_by_definition(a, b);
    EXPECT_NEAR(psnr(a, b), db, kAllowed * db);
    const double wanted = ssim_by_definition(a, b);
    EXPECT_LT(wanted, 0.99);
    EXPECT_NEAR(ssim(a, b), wanted, 100 * kAllowed);
  }
}

TEST(VideoMetrics, EqualClipsAndTheFarthestOnes) {
  const RgbClip clip = clip_of(2, 12, 16, 3);
  EXPECT_EQ(psnr(clip, clip), std::numeric_limits<double>::infinity());
  EXPECT_NEAR(ssim(clip, clip), 1.0, kAllowed);
  const RgbClip black = flat_clip(2, 12, 16, 0);
  EXPECT_DOUBLE_EQ(psnr(black, flat_clip(2, 12, 16, 255)), 0.0);
  EXPECT_DOUBLE_EQ(psnr(black, flat_clip(2, 12, 16, 1)), 20 * std::log10(255.0));
}

TEST(VideoMetrics, OneBadFrameCountsByItsShareOfTheClip) {
  const RgbClip black = flat_clip(4, 12, 12, 0);
  const RgbClip other = made_clip(4, 12, 12, [](int f, int, int, int) { return f == 2 ? 10 : 0; });
  EXPECT_DOUBLE_EQ(psnr(black, other), 10 * std::log10(255.0 * 255.0 / 25.0));
}

TEST(VideoMetrics, FramesAreComparedOneByOneToo) {
  const RgbClip a = clip_of(3, 12, 32, 4);
  const RgbClip b = clip_of(3, 12, 32, 5);
  FrameQuality each;
  const ClipQuality quality = compare(a, b, {}, &each);
  EXPECT_EQ(quality.psnr_db, psnr(a, b));
  EXPECT_DOUBLE_EQ(quality.ssim, ssim(a, b));
  ASSERT_EQ(each.ssim.size(), 3u);
  for (std::int32_t i = 0; i < 3; ++i) {
    const RgbFrames one = RgbFrames(a).at(i);
    const RgbFrames other = RgbFrames(b).at(i);
    EXPECT_EQ(each.psnr_db[static_cast<std::size_t>(i)], psnr(one, other));
    EXPECT_EQ(each.ssim[static_cast<std::size_t>(i)], ssim(one, other));
  }
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(compare(a, b, stop.get_token()), Cancelled);
}

// What an older run kept, or saturated values make: equal for the wrong reason.
TEST(VideoMetrics, TwoClipsOfOneColourAreNotCompared) {
  const RgbClip black = flat_clip(3, 16, 16, 0);
  for (const std::uint8_t other : {0, 255}) {
    EXPECT_ERROR(compare(black, flat_clip(3, 16, 16, other), {}),
                 "both clips are one colour from the first pixel to the last, as a broken model "
                 "makes them: PSNR and SSIM would say nothing");
  }
  RgbClip picture = black;
  picture.rgb[picture.rgb.size() - 100] = 9;
  EXPECT_LT(compare(black, picture, {}).psnr_db, 100.0);
  EXPECT_EQ(compare(picture, picture, {}).ssim, 1.0);
}

TEST(VideoMetrics, RefusalsNameTheSizes) {
  const RgbClip clip = clip_of(2, 12, 16, 6);
  EXPECT_ERROR(psnr(clip, RgbFrames(clip).at(0)),
               "2 frames of 16x12 and 1 frames of 16x12 cannot be compared");
  EXPECT_ERROR(ssim(clip, flat_clip(2, 12, 11, 0)), "cannot be compared");
  EXPECT_THROW(psnr(RgbClip{}, clip), std::logic_error);
  EXPECT_ERROR(ssim(flat_clip(2, 10, 16, 0), flat_clip(2, 10, 16, 0)),
               "frames of 16x10 are smaller than the 11x11 windows of SSIM");
}

}  // namespace
}  // namespace twill::media
