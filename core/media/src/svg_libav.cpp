// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/media/svg.h"

#include <cstring>

#include "twill/plan/error.h"
#include "video_io_libav.h"

namespace twill::media {

bool can_draw_svg() { return avcodec_find_decoder(AV_CODEC_ID_SVG) != nullptr; }

Picture draw_svg(const std::string& svg, int width) {
  libav::be_quiet();
  const AVCodec* decoder = avcodec_find_decoder(AV_CODEC_ID_SVG);
  require(decoder != nullptr, ErrorCode::kUnsupported,
          "this libav has no SVG decoder (librsvg), so charts cannot become PNG files");
  const auto check = [](int code) {
    require(code >= 0, ErrorCode::kSystem, "an SVG cannot be drawn: ", libav::reason(code));
  };
  const libav::Codec codec(avcodec_alloc_context3(decoder));
  const libav::Packet packet(av_packet_alloc());
  const libav::Frame frame(av_frame_alloc());
  if (!codec || !packet || !frame) {
    throw std::bad_alloc();
  }
  codec->thread_count = 1;
  libav::Options options;
  options.set("width", std::to_string(width));
  check(avcodec_open2(codec.get(), decoder, &options.entries));
  check(av_new_packet(packet.get(), static_cast<int>(svg.size())));
  std::memcpy(packet->data, svg.data(), svg.size());
  check(avcodec_send_packet(codec.get(), packet.get()));
  check(avcodec_send_packet(codec.get(), nullptr));
  check(avcodec_receive_frame(codec.get(), frame.get()));
  require(frame->format == AV_PIX_FMT_RGB32, ErrorCode::kSystem,
          "an SVG cannot be drawn: pixel format ", frame->format, " is not expected");
  Picture picture{.width = frame->width, .height = frame->height, .rgb = {}};
  picture.rgb.resize(RgbFrames(picture).frame_bytes());
  std::uint8_t* to = picture.rgb.data();
  for (int y = 0; y < frame->height; ++y) {
    for (int x = 0; x < frame->width; ++x) {
      std::uint32_t pixel = 0;
      std::memcpy(&pixel,
                  frame->data[0] + static_cast<std::ptrdiff_t>(y) * frame->linesize[0] + 4 * x,
                  sizeof pixel);
      for (const int shift : {16, 8, 0}) {
        *to++ = static_cast<std::uint8_t>(pixel >> shift);
      }
    }
  }
  return picture;
}

}  // namespace twill::media
