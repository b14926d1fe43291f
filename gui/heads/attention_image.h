// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A head's attention map as a picture, and what a pattern keeps of it.
#pragma once

#include <QImage>
#include <cstddef>
#include <vector>

#include "twill/plan/pattern.h"
#include "twill/plan/profile.h"

namespace twill::gui {

// The profile's map, queries down and keys across; brightness is the square root of attention. The
// picture reads the profile's memory: it must not outlive it. Null when the profile has no maps.
QImage attention_image(const Profile& profile, std::size_t expert, std::size_t head);
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
