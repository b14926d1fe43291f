// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "video_io_palette.h"

#include <algorithm>

#include "twill/plan/error.h"

namespace twill::media {
namespace {

constexpr int kCellBits = 5;
constexpr int kCellWidth = 256 >> kCellBits;
constexpr std::size_t kCells = std::size_t{1} << (3 * kCellBits);

std::size_t cell_of(int red, int green, int blue) {
  return static_cast<std::size_t>(((red / kCellWidth) << (2 * kCellBits)) |
                                  ((green / kCellWidth) << kCellBits) | (blue / kCellWidth));
}

int axis_of(std::size_t cell, int axis) {
  return static_cast<int>(cell >> ((2 - axis) * kCellBits)) & ((1 << kCellBits) - 1);
}

struct Cell {
  std::size_t index = 0;
  std::int64_t count = 0;
  std::array<std::int64_t, 3> sum{};
};

using Cells = std::vector<Cell>;

Cells count_cells(std::span<const std::uint8_t> rgb) {
  Cells cells(kCells);
  for (std::size_t i = 0; i < rgb.size(); i += 3) {
    const auto pixel = rgb.subspan(i, 3);
    Cell& cell = cells[cell_of(pixel[0], pixel[1], pixel[2])];
    ++cell.count;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      cell.sum[axis] += pixel[axis];
    }
  }
  for (std::size_t i = 0; i < kCells; ++i) {
    cells[i].index = i;
  }
  std::erase_if(cells, [](const Cell& cell) { return cell.count == 0; });
  return cells;
}

// A range of the cells, and how much it would gain from a cut.
struct Box {
  std::size_t begin = 0;
  std::size_t end = 0;
  int axis = 0;  // the longest
  double gain = 0.0;
};

Box make_box(const Cells& cells, std::size_t begin, std::size_t end) {
  Box box{.begin = begin, .end = end};
  std::int64_t count = 0;
  int longest = 0;
  for (int axis = 0; axis < 3; ++axis) {
    int low = 1 << kCellBits;
    int high = 0;
    for (std::size_t i = begin; i < end; ++i) {
      low = std::min(low, axis_of(cells[i].index, axis));
      high = std::max(high, axis_of(cells[i].index, axis));
    }
    if (high - low > longest) {
      longest = high - low;
      box.axis = axis;
    }
  }
  for (std::size_t i = begin; i < end; ++i) {
    count += cells[i].count;
  }
  // The squared error of a box grows with its pixels and the square of its length.
  box.gain = static_cast<double>(count) * longest * longest;
  return box;
}

// Median cut (Heckbert 1982): where half of the pixels are on each side, and a cell at least.
std::size_t cut(Cells& cells, const Box& box) {
  const auto begin = cells.begin() + static_cast<std::ptrdiff_t>(box.begin);
  const auto end = cells.begin() + static_cast<std::ptrdiff_t>(box.end);
  std::sort(begin, end, [&](const Cell& a, const Cell& b) {
    const int at_a = axis_of(a.index, box.axis);
    const int at_b = axis_of(b.index, box.axis);
    return at_a != at_b ? at_a < at_b : a.index < b.index;
  });
  std::int64_t all = 0;
  for (auto cell = begin; cell != end; ++cell) {
    all += cell->count;
  }
  std::int64_t left = 0;
  std::size_t place = box.begin;
  do {
    left += cells[place++].count;
  } while (place + 1 < box.end && 2 * left < all);
  return place;
}

std::vector<Box> cut_boxes(Cells& cells) {
  std::vector<Box> boxes{make_box(cells, 0, cells.size())};
  while (boxes.size() < 256) {
    const auto worst = std::max_element(boxes.begin(), boxes.end(),
                                        [](const Box& a, const Box& b) { return a.gain < b.gain; });
    if (worst->gain == 0.0) {
      break;  // every box is one cell
    }
    const std::size_t middle = cut(cells, *worst);
    const Box right = make_box(cells, middle, worst->end);
    *worst = make_box(cells, worst->begin, middle);
    boxes.push_back(right);
  }
  return boxes;
}

// 8x8 ordered dither: each of 0..63 once.
constexpr std::array<std::array<int, 8>, 8> make_bayer() {
  std::array<std::array<int, 8>, 8> matrix{};
  for (unsigned y = 0; y < 8; ++y) {
    for (unsigned x = 0; x < 8; ++x) {
      unsigned value = 0;
      for (unsigned bit = 0; bit < 3; ++bit) {
        value = (value << 2) | ((((x ^ y) >> bit) & 1) << 1) | ((y >> bit) & 1);
      }
      matrix[y][x] = static_cast<int>(value);
    }
  }
  return matrix;
}
constexpr std::array<std::array<int, 8>, 8> kBayer = make_bayer();

}  // namespace

Palette::Palette(std::span<const std::uint8_t> rgb) : nearest_(kCells) {
  TWILL_ASSERT(!rgb.empty() && rgb.size() % 3 == 0);
  Cells cells = count_cells(rgb);
  std::vector<std::array<int, 3>> means;
  for (const Box& box : cut_boxes(cells)) {
    std::int64_t count = 0;
    std::array<std::int64_t, 3> sum{};
    for (std::size_t i = box.begin; i < box.end; ++i) {
      count += cells[i].count;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        sum[axis] += cells[i].sum[axis];
      }
    }
    std::array<int, 3> mean{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      mean[axis] = static_cast<int>((sum[axis] + count / 2) / count);
    }
    means.push_back(mean);
  }
  for (std::size_t i = 0; i < colours_.size(); ++i) {
    const std::array<int, 3> mean = i < means.size() ? means[i] : std::array<int, 3>{};
    colours_[i] =
        0xff000000u | static_cast<std::uint32_t>((mean[0] << 16) | (mean[1] << 8) | mean[2]);
  }
  for (std::size_t cell = 0; cell < kCells; ++cell) {
    int best = 3 * 256 * 256;
    for (std::size_t i = 0; i < means.size(); ++i) {
      int distance = 0;
      for (int axis = 0; axis < 3; ++axis) {
        const int centre = axis_of(cell, axis) * kCellWidth + kCellWidth / 2;
        const int difference = centre - means[i][static_cast<std::size_t>(axis)];
        distance += difference * difference;
      }
      if (distance < best) {
        best = distance;
        nearest_[cell] = static_cast<std::uint8_t>(i);
      }
    }
  }
}

std::uint8_t Palette::entry(const std::uint8_t* rgb, int x, int y) const {
  // From -4 to 3: the width of a cell.
  const int dither =
      kBayer[static_cast<std::size_t>(y & 7)][static_cast<std::size_t>(x & 7)] / 8 - kCellWidth / 2;
  const auto moved = [&](int value) { return std::clamp(value + dither, 0, 255); };
  return nearest_[cell_of(moved(rgb[0]), moved(rgb[1]), moved(rgb[2]))];
}

}  // namespace twill::media
