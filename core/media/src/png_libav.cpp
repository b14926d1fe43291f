// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "png_encoders.h"
#include "twill/plan/error.h"
#include "video_io_libav.h"

namespace twill::media {

std::vector<std::uint8_t> encode_png(const RgbFrames& picture) {
  libav::be_quiet();
  const AVCodec* encoder = avcodec_find_encoder(AV_CODEC_ID_PNG);
  if (encoder == nullptr) {
    return encode_plain_png(picture);
  }
  const auto check = [](int code) {
    require(code >= 0, ErrorCode::kSystem, "a PNG cannot be encoded: ", libav::reason(code));
  };
  const libav::Frame frame = libav::new_frame(AV_PIX_FMT_RGB24, picture.width, picture.height);
  libav::copy_rgb(picture.rgb.data(), *frame);
  const libav::Codec codec(avcodec_alloc_context3(encoder));
  const libav::Packet packet(av_packet_alloc());
  TWILL_ASSERT(codec != nullptr && packet != nullptr);
  codec->width = frame->width;
  codec->height = frame->height;
  codec->pix_fmt = AV_PIX_FMT_RGB24;
  codec->time_base = {1, 1};
  // One picture: more threads would hold it back until the end.
  codec->thread_count = 1;
  libav::Options options;
  options.set("pred", "mixed");
  check(avcodec_open2(codec.get(), encoder, &options.entries));
  check(avcodec_send_frame(codec.get(), frame.get()));
  check(avcodec_receive_packet(codec.get(), packet.get()));
  return {packet->data, packet->data + packet->size};
}

}  // namespace twill::media
