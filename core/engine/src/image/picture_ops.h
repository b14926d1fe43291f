// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Pictures at the size that a network takes. A picture is [height, width, 3] uint8 RGB on the CPU;
// Error(kUsage) is thrown for another shape or dtype, and for one over 64 times as long as wide.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace twill::engine {

// As diffusers gives a picture to CLIP (transformers' CLIPImageProcessor): the shorter side to
// `size`, bicubic with antialiasing in 8 bits, the middle cut out, then less CLIP's
// mean and over its deviation. [1, 3, size, size] fp32.
at::Tensor clip_pixels(const at::Tensor& picture, std::int64_t size);

// The middle of the picture that has the shape of width x height, as ComfyUI cuts it, at that size:
// bilinear, with antialiasing where it shrinks. [1, 3, height, width] fp32 in -1..1; a picture of
// that size keeps its values.
at::Tensor cover(const at::Tensor& picture, std::int64_t width, std::int64_t height);

}  // namespace twill::engine
