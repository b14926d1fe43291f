// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How close two clips are, as the reports say it: on 8-bit RGB, before any video encoding.
// Clips: [frames, height, width, 3] uint8, on the CPU. Other shapes and dtypes, or two that differ:
// Error(kUsage).
#pragma once

#include <ATen/core/Tensor.h>

namespace twill::media {

// Decibels: 10 log10(255^2 / MSE), the MSE over all values of the clip; +inf when they are equal.
double psnr(const at::Tensor& a, const at::Tensor& b);

// The mean over frames and windows of SSIM on luma (Rec. 601, 0..255): Gaussian windows of 11x11
// with sigma 1.5 that lie wholly inside the frame, K1 = 0.01, K2 = 0.03
// (https://doi.org/10.1109/TIP.2003.819861). Frames under 11x11: Error(kUsage).
double ssim(const at::Tensor& a, const at::Tensor& b);

}  // namespace twill::media
