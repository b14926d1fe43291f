// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// SVG to pixels.
#pragma once

#include <string>

#include "twill/media/rgb_clip.h"

namespace twill::media {

// Whether this build's libav has an SVG decoder (Debian's and Ubuntu's have).
bool can_draw_svg();

// An opaque drawing of our own, `width` pixels wide, its height in proportion. Throws
// Error(kUnsupported) without a decoder, Error(kSystem) when it fails.
Picture draw_svg(const std::string& svg, int width);

}  // namespace twill::media
