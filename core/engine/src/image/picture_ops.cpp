// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "picture_ops.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "twill/plan/error.h"

namespace twill::engine {
namespace {

// https://github.com/openai/CLIP, clip/clip.py; LAION's models were trained with the same.
constexpr std::array<float, 3> kMean{0.48145466f, 0.4578275f, 0.40821073f};
constexpr std::array<float, 3> kDeviation{0.26862954f, 0.26130258f, 0.27577711f};

// A thinner picture's longer side would grow with its shorter one, for CLIP to cut it off again.
constexpr std::int64_t kMostAspect = 64;

void check(const at::Tensor& picture) {
  require(picture.defined() && picture.dim() == 3 && picture.size(2) == 3 && picture.numel() > 0 &&
              picture.scalar_type() == at::kByte && picture.is_cpu(),
          ErrorCode::kUsage, "a picture of shape ",
          picture.defined() ? picture.sizes() : at::IntArrayRef(),
          " is not [height, width, 3] of uint8");
  const auto [shorter, longer] = std::minmax({picture.size(0), picture.size(1)});
  require(longer <= kMostAspect * shorter, ErrorCode::kUsage, "a picture of ", picture.size(1), "x",
          picture.size(0), " is more than ", kMostAspect, " times as long as wide");
}

// [height, width, 3] uint8 -> [1, 3, height, width] fp32 in 0..255.
at::Tensor planes(const at::Tensor& picture) {
  return picture.permute({2, 0, 1}).unsqueeze(0).to(at::kFloat).contiguous();
}

// [1, 3, 1, 1]
at::Tensor by_colour(const std::array<float, 3>& values) {
  return at::tensor(at::ArrayRef<float>(values)).view({1, 3, 1, 1});
}

// What is cut off at each end of the longer axis: ComfyUI's common_upscale with crop "center".
std::int64_t cut_at_ends(std::int64_t length, double share) {
  const auto whole = static_cast<double>(length);
  const auto cut = static_cast<std::int64_t>(std::nearbyint((whole - whole * share) / 2.0));
  return std::clamp<std::int64_t>(cut, 0, (length - 1) / 2);
}

}  // namespace

at::Tensor clip_pixels(const at::Tensor& picture, std::int64_t size) {
  check(picture);
  const std::int64_t height = picture.size(0);
  const std::int64_t width = picture.size(1);
  const std::int64_t shorter = std::min(height, width);
  const std::array<std::int64_t, 2> sides{size * height / shorter, size * width / shorter};
  at::Tensor pixels = planes(picture);
  // Rows first, then columns, each to whole levels, as Pillow resizes: a bicubic overshoots at hard
  // edges, and what it cuts off between the two shows.
  for (const std::array<std::int64_t, 2>& to : {std::array{height, sides[1]}, sides}) {
    if (pixels.size(2) != to[0] || pixels.size(3) != to[1]) {
      pixels =
          at::_upsample_bicubic2d_aa(pixels, to, /*align_corners=*/false).round().clamp(0, 255);
    }
  }
  pixels = pixels.narrow(2, (sides[0] - size) / 2, size).narrow(3, (sides[1] - size) / 2, size);
  return ((pixels / 255.0f - by_colour(kMean)) / by_colour(kDeviation)).contiguous();
}

at::Tensor cover(const at::Tensor& picture, std::int64_t width, std::int64_t height) {
  check(picture);
  const double own = static_cast<double>(picture.size(1)) / static_cast<double>(picture.size(0));
  const double wanted = static_cast<double>(width) / static_cast<double>(height);
  const std::int64_t left = own > wanted ? cut_at_ends(picture.size(1), wanted / own) : 0;
  const std::int64_t top = own < wanted ? cut_at_ends(picture.size(0), own / wanted) : 0;
  const at::Tensor middle =
      picture.narrow(0, top, picture.size(0) - 2 * top).narrow(1, left, picture.size(1) - 2 * left);
  at::Tensor pixels = planes(middle);
  if (middle.size(0) != height || middle.size(1) != width) {
    pixels = at::_upsample_bilinear2d_aa(pixels, {height, width}, /*align_corners=*/false);
  }
  return pixels * (2.0f / 255.0f) - 1.0f;
}

}  // namespace twill::engine
