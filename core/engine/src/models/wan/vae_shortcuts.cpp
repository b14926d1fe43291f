// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "vae_shortcuts.h"

#include "twill/plan/error.h"

namespace twill::engine {

void add_means(at::Tensor& out, const at::Tensor& x, std::int64_t times, bool at_start) {
  at::Tensor clip = x;
  if (times > 1 && at_start) {
    clip = at::cat({at::zeros({times - 1, x.size(1), x.size(2), x.size(3)}, x.options()), x});
  }
  TWILL_ASSERT(clip.size(0) == times * out.size(0));
  const at::Tensor folded =
      clip.view({out.size(0), times, out.size(1), 2, out.size(2), 2, x.size(3)})
          .permute({0, 2, 4, 6, 1, 3, 5})
          .reshape({out.size(0), out.size(1), out.size(2), out.size(3), -1});
  out.add_(folded.mean(-1));
}

void add_repeats(at::Tensor& out, const at::Tensor& x, std::int64_t times, bool at_start) {
  const std::int64_t dropped = at_start ? times - 1 : 0;
  const std::int64_t block = times * 4;
  // Channel `o` of the block's place `p` is (block * o + p) / repeats in x, and the repeats divide
  // the block: a step of so many channels.
  const std::int64_t step = x.size(3) / out.size(3);
  TWILL_ASSERT(step * out.size(3) == x.size(3) && block % step == 0 &&
               out.size(0) == times * x.size(0) - dropped);
  for (std::int64_t place = 0; place < block; ++place) {
    const std::int64_t time = place / 4;
    const std::int64_t first = time < dropped ? 1 : 0;
    out.slice(0, times * first + time - dropped, out.size(0), times)
        .slice(1, place / 2 % 2, out.size(1), 2)
        .slice(2, place % 2, out.size(2), 2)
        .add_(x.slice(0, first).slice(3, place * step / block, x.size(3), step));
  }
}

at::Tensor to_patches(const at::Tensor& video, std::int64_t side) {
  const std::int64_t rows = video.size(2) / side;
  const std::int64_t cols = video.size(3) / side;
  return video.reshape({video.size(0), video.size(1), rows, side, cols, side})
      .permute({1, 2, 4, 0, 5, 3})
      .reshape({video.size(1), rows, cols, video.size(0) * side * side})
      .contiguous();
}

at::Tensor from_patches(const at::Tensor& x, std::int64_t side) {
  const std::int64_t colours = x.size(3) / (side * side);
  return x.view({x.size(0), x.size(1), x.size(2), colours, side, side})
      .permute({3, 0, 1, 5, 2, 4})
      .reshape({colours, x.size(0), x.size(1) * side, x.size(2) * side});
}

}  // namespace twill::engine
