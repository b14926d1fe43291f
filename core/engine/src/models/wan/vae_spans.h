// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Where the tiles of a frame lie along one of its axes, in latent cells.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace twill::engine {

// How many cells around a tile the layers see that work on tiles. The attention of the middle sees
// all of a frame, so the layers at the latents' own size work on whole frames, which are small
// there; the others see what their convolutions see. The decoder's last level and head see 7 pixels
// at 8 a cell, which with the convolution of the doubling before them are 4 at 4 a cell; with that
// level's 6 and a doubling 6 at 2 a cell, and with 6 more and the last doubling 7 cells. The
// encoder's levels see 4 pixels each, its first layer one, and each halving one more on one side,
// all at twice the pixels of the next: 1 + 4, 2 * 5 + 1 + 4, 2 * 15 + 1 + 4 + 1, 36 pixels at 8 a
// cell, so 5 cells. A tile's own pixels are therefore what they are in the whole frame but for the
// order of sums, and nothing is left to be blended.
inline constexpr std::int64_t kDecoderReach = 7;
inline constexpr std::int64_t kEncoderReach = 5;

struct VaeSpan {
  std::int64_t begin, end;  // of the tile
  std::int64_t from, to;    // with what is around it
};

inline std::vector<VaeSpan> vae_spans(std::int64_t cells, std::int64_t tiles, std::int64_t reach) {
  std::vector<VaeSpan> spans;
  for (std::int64_t i = 0; i < tiles; ++i) {
    const std::int64_t begin = i * cells / tiles;
    const std::int64_t end = (i + 1) * cells / tiles;
    spans.push_back(
        {begin, end, std::max<std::int64_t>(0, begin - reach), std::min(cells, end + reach)});
  }
  return spans;
}

}  // namespace twill::engine
