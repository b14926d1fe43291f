// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How a picture is to be turned before it is shown.
#pragma once

#include <array>
#include <cstdint>

#include "twill/media/rgb_clip.h"

namespace twill::media {

// A pixel at (x, y) is shown at (x_of_x x + x_of_y y, y_of_x x + y_of_y y), moved so that the least
// of each is 0. Each is -1, 0 or 1, and a picture stays whole.
struct Turn {
  int x_of_x = 1;
  int x_of_y = 0;
  int y_of_x = 0;
  int y_of_y = 1;

  bool operator==(const Turn&) const = default;
};

// EXIF's tag 0x0112, 1 to 8; as it is for other numbers, which mean nothing.
Turn turn_of_exif(long orientation);
// Of libav's display matrix: nine numbers of which 65536 is 1. As it is for one that does not map
// pixels to pixels.
Turn turn_of_matrix(const std::int32_t* matrix);

Picture turned(Picture picture, const Turn& turn);

}  // namespace twill::media
