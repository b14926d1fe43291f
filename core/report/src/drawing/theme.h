// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Colours of reports, for light and dark screens, and the style sheet that names them.
#pragma once

#include <string>
#include <string_view>

#include "twill/report/heads_picture.h"

namespace twill::report::drawing {

// "#e69f00"
std::string hex_colour(Colour colour);
// The class of whatever is painted in a pattern's colour: "k-window".
std::string kind_class(PatternKind kind);

// Steps of the scale for quantities; classes "s0" (least) to "s15".
inline constexpr int kScaleSteps = 16;
// A step's class for a share of the scale, clamped to 0..1.
std::string scale_class(double share);

// Style of the drawings alone, in the colours of light screens: for SVG files and PNGs.
std::string drawing_style();
// The same with colours as variables, light or dark as the reader's screen is.
std::string page_drawing_style();

}  // namespace twill::report::drawing
