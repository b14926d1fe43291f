// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Steps of the VAE over clips laid out [frames, height, width, channels]. A causal 3-D convolution
// is a 2-D one over frames as a batch, whose input channels are the frames t - 2, t - 1 and t side
// by side ("taps"): ATen's 2-D convolution in this layout is several times faster on CPUs than its
// 3-D one.
#pragma once

#include <ATen/ATen.h>

namespace twill::engine {

// history: the last two frames that this place has seen [2, height, width, channels]; undefined at
// the start of a clip, which stands for zeros. Both calls read it and leave the new one there.

// [frames, h, w, c] -> [frames, h, w, 3 c].
at::Tensor make_taps(const at::Tensor& x, at::Tensor& history);

// The same of silu(x / |x| * sqrt(c) * gamma), the norm over the channels; gamma: [c] fp32. On the
// CPU the result lies in `buffer`, which grows as needed: fresh pages for the largest tensor of
// every layer cost more than the arithmetic.
at::Tensor norm_silu_taps(const at::Tensor& x, const at::Tensor& gamma, at::Tensor& history,
                          at::Tensor& buffer);

// x / |x| * sqrt(c) * gamma.
at::Tensor channel_norm(const at::Tensor& x, const at::Tensor& gamma);

}  // namespace twill::engine
