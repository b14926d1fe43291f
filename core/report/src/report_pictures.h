// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Pixels of reports.
#pragma once

#include <filesystem>
#include <string>

#include "drawing/svg.h"

namespace twill::report {

// Throws Error(kUnsupported) where this build cannot turn charts into PNGs.
void check_can_draw_pictures();
// A PNG of the figure with its title, twice as large as on a page.
void write_figure(const std::filesystem::path& file, const drawing::Figure& figure);
// The bytes of a PNG file of at most 16 MB. Throws Error(kFile) when it is none.
std::string read_png(const std::filesystem::path& file);

}  // namespace twill::report
