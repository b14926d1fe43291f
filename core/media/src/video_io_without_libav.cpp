// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// In place of the encoders and the reader, in builds that found no libav.
#include "png_encoders.h"
#include "twill/media/picture_io.h"
#include "twill/media/svg.h"
#include "twill/media/video_io.h"
#include "twill/plan/error.h"
#include "video_io_formats.h"

namespace twill::media {
namespace {

constexpr std::string_view kReason = "this build was made without libav and has no video files";

}  // namespace

std::string cannot_encode(const VideoFormat&) { return std::string(kReason); }

void encode_video(const VideoFormat&, const std::filesystem::path&,
                  const std::filesystem::path& file, const RgbFrames&, double,
                  const std::map<std::string, std::string>&) {
  throw Error(ErrorCode::kUnsupported, concat(file.string(), ": ", kReason));
}

std::vector<std::uint8_t> encode_png(const RgbFrames& picture) { return encode_plain_png(picture); }

bool can_draw_svg() { return false; }

Picture draw_svg(const std::string&, int) {
  throw Error(ErrorCode::kUnsupported,
              "this build was made without libav, so charts cannot become PNG files");
}

Video read_video(const std::filesystem::path& file) {
  throw Error(ErrorCode::kUnsupported, concat(file.string(), ": ", kReason));
}

std::vector<std::string> readable_pictures() { return {}; }

Picture read_picture(const std::filesystem::path& file) {
  throw Error(ErrorCode::kUnsupported,
              concat(file.string(), ": this build was made without libav and reads no pictures"));
}

}  // namespace twill::media
