// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "picture_turn.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace twill::media {
namespace {

// By EXIF's numbers from 1 on: as it is, mirrored, by 180 degrees, upside down, transposed, by 90
// degrees clockwise, transposed over the other diagonal, by 90 degrees counter-clockwise.
constexpr std::array<Turn, 8> kTurns{{{1, 0, 0, 1},
                                      {-1, 0, 0, 1},
                                      {-1, 0, 0, -1},
                                      {1, 0, 0, -1},
                                      {0, 1, 1, 0},
                                      {0, -1, 1, 0},
                                      {0, -1, -1, 0},
                                      {0, 1, -1, 0}}};

}  // namespace

Turn turn_of_exif(long orientation) {
  return orientation >= 1 && orientation <= std::ssize(kTurns)
             ? kTurns[static_cast<std::size_t>(orientation - 1)]
             : Turn{};
}

Turn turn_of_matrix(const std::int32_t* matrix) {
  constexpr std::int32_t kOne = 1 << 16;
  const auto sign = [&](int index) {
    return matrix[index] == kOne ? 1 : matrix[index] == -kOne ? -1 : 0;
  };
  const Turn turn{.x_of_x = sign(0), .x_of_y = sign(3), .y_of_x = sign(1), .y_of_y = sign(4)};
  return std::ranges::find(kTurns, turn) != kTurns.end() ? turn : Turn{};
}

Picture turned(Picture picture, const Turn& turn) {
  if (turn == Turn{}) {
    return picture;
  }
  Picture shown = picture;
  if (turn.x_of_x == 0) {
    std::swap(shown.width, shown.height);
  }
  const std::int64_t left = turn.x_of_x + turn.x_of_y < 0 ? shown.width - 1 : 0;
  const std::int64_t top = turn.y_of_x + turn.y_of_y < 0 ? shown.height - 1 : 0;
  const std::uint8_t* from = picture.rgb.data();
  for (std::int64_t y = 0; y < picture.height; ++y) {
    for (std::int64_t x = 0; x < picture.width; ++x, from += 3) {
      const std::int64_t column = left + turn.x_of_x * x + turn.x_of_y * y;
      const std::int64_t row = top + turn.y_of_x * x + turn.y_of_y * y;
      std::copy_n(from, 3, shown.rgb.data() + 3 * (row * shown.width + column));
    }
  }
  return shown;
}

}  // namespace twill::media
