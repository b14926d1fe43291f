// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "report_pictures.h"

#include <cmath>

#include "drawing/page.h"
#include "twill/media/png.h"
#include "twill/media/svg.h"
#include "twill/plan/error.h"
#include "twill/plan/whole_files.h"

namespace twill::report {

void check_can_draw_pictures() {
  require(media::can_draw_svg(), ErrorCode::kUnsupported,
          "no pictures: this build's libav has no SVG decoder (librsvg)");
}

void write_figure(const std::filesystem::path& file, const drawing::Figure& figure) {
  constexpr double kMargins = 32.0;
  const int width = static_cast<int>(std::lround(2.0 * (figure.svg.width() + kMargins)));
  media::write_png(file, media::draw_svg(drawing::standalone(figure), width));
}

std::string read_png(const std::filesystem::path& file) {
  constexpr std::uintmax_t kMaxBytes = 16u << 20;
  std::string bytes = read_file(file, kMaxBytes);
  require(bytes.starts_with("\x89PNG\r\n\x1a\n"), ErrorCode::kFile, file.string(),
          ": is no PNG file");
  return bytes;
}

}  // namespace twill::report
