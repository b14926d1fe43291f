// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A head's attention map as a picture, and what a pattern keeps of it.
#pragma once

#include <QImage>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "twill/plan/pattern.h"
#include "twill/plan/profile.h"

namespace twill::gui {

// One head's attention, queries down and keys across: cell (q, k) stands for block() raster tokens
// each way. 8-bit, each row scaled to its greatest.
struct HeadMap {
  std::shared_ptr<const std::uint8_t> cells;  // [size][size]; keeps alive what it points into
  std::int32_t size = 0;
  TokenLayout layout;

  std::int32_t block() const { return (layout.tokens() + size - 1) / size; }
  friend bool operator==(const HeadMap&, const HeadMap&) = default;
};
// The profile's; without cells when the profile has no maps.
HeadMap profile_map(const std::shared_ptr<const Profile>& profile, std::size_t expert,
                    std::size_t head);

// Brightness is the square root of attention. The picture reads the map's memory: it must not
// outlive it. Null without cells.
QImage attention_image(const HeadMap& map);
// The same enlarged to `size` without smoothing, several times as fast as a painter does it.
QImage enlarged(const QImage& map, const QSize& size);
// Colour of an attention of 0..1 of the row's greatest.
QRgb attention_colour(double value);

// Share of the cells that the pattern's tiles compute in each block of a map, [blocks][blocks], as
// the profile's maps are cut: block b holds tokens [b n / blocks, (b + 1) n / blocks) in raster
// order.
std::vector<float> kept_share(const Pattern& pattern, const TokenLayout& layout,
                              std::int32_t blocks);

}  // namespace twill::gui
