// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How close two clips are, as the reports say it: on 8-bit RGB, before any video encoding. Clips of
// two sizes: Error(kUsage).
#pragma once

#include <stop_token>
#include <vector>

#include "twill/media/rgb_clip.h"

namespace twill::media {

// Decibels: 10 log10(255^2 / MSE), the MSE over all values of the clip; +inf when they are equal.
double psnr(const RgbFrames& a, const RgbFrames& b);

// The mean over frames and windows of SSIM on luma (Rec. 601, 0..255): Gaussian windows of 11x11
// with sigma 1.5 that lie wholly inside the frame, K1 = 0.01, K2 = 0.03
// (https://doi.org/10.1109/TIP.2003.819861). Frames under 11x11: Error(kUsage).
double ssim(const RgbFrames& a, const RgbFrames& b);

struct ClipQuality {
  double psnr_db = 0.0;
  double ssim = 0.0;
};

// The quality of each frame of a comparison; PSNR comes from the frame's own MSE.
struct FrameQuality {
  std::vector<double> psnr_db;  // +inf where the frames are equal
  std::vector<double> ssim;
};

// Throws Cancelled between two frames when `stop` asks, Error(kModel) when both clips are one
// colour throughout: a broken model's clips are always alike. `each` may be null.
ClipQuality compare(const RgbFrames& dense, const RgbFrames& sparse, const std::stop_token& stop,
                    FrameQuality* each = nullptr);

}  // namespace twill::media
