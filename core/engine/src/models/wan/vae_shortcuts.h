// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What Wan 2.2's VAE has over Wan 2.1's, none of it with weights: its patches of pixels, and the
// shortcuts around its levels, over clips [frames, height, width, channels]. Upstream's AvgDown3D
// and DupUp3D (https://github.com/Wan-Video/Wan2.2, wan/modules/vae2_2.py) fold a block of so many
// frames and pixels into channels, counted channel, frame, row, column, and share them out evenly.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace twill::engine {

// Around a level that halves rows and columns, and with `times` 2 frames: the means of
// out.size(3) groups of folded channels are added to `out` in place. At the start of a clip zeros
// stand before the first frame, so that it is a pair.
void add_means(at::Tensor& out, const at::Tensor& x, std::int64_t times, bool at_start);

// Around a level that doubles rows and columns, and with `times` 2 frames: x's channels, each as
// often as they fill the block, are added to `out` in place. A clip's first frame makes one only,
// the later of its two.
void add_repeats(at::Tensor& out, const at::Tensor& x, std::int64_t times, bool at_start);

// [3, frames, height, width] -> [frames, height / side, width / side, 3 * side * side], a patch's
// values counted colour, column, row; and back.
at::Tensor to_patches(const at::Tensor& video, std::int64_t side);
at::Tensor from_patches(const at::Tensor& x, std::int64_t side);

}  // namespace twill::engine
