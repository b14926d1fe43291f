// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "report_pictures.h"

#include <ATen/ATen.h>

#include <cmath>

#include "clip_files.h"
#include "drawing/page.h"
#include "twill/media/svg.h"
#include "twill/media/video_io.h"
#include "twill/plan/error.h"
#include "twill/plan/whole_files.h"

namespace twill::jobs {

void check_can_draw_pictures() {
  require(media::can_draw_svg(), ErrorCode::kUnsupported,
          "no pictures: this build's libav has no SVG decoder (librsvg)");
}

void write_figure(const std::filesystem::path& file, const drawing::Figure& figure) {
  constexpr double kMargins = 32.0;
  const int width = static_cast<int>(std::lround(2.0 * (figure.svg.width() + kMargins)));
  media::write_png(file, media::draw_svg(drawing::standalone(figure), width));
}

void write_figure_picture(const std::filesystem::path& file, const Picture& picture) {
  write_picture(file, picture);
}

std::vector<std::uint8_t> picture_bytes(const Picture& picture) {
  return media::png_bytes(at::from_blob(const_cast<std::uint8_t*>(picture.rgb.data()),
                                        {picture.height, picture.width, 3}, at::kByte));
}

std::string read_png(const std::filesystem::path& file) {
  constexpr std::uintmax_t kMaxBytes = 16u << 20;
  std::string bytes = read_file(file, kMaxBytes);
  require(bytes.starts_with("\x89PNG\r\n\x1a\n"), ErrorCode::kFile, file.string(),
          ": is no PNG file");
  return bytes;
}

}  // namespace twill::jobs
