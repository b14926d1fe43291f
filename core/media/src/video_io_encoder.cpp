// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <optional>

#include "twill/plan/error.h"
#include "twill/plan/text.h"
#include "video_io_formats.h"
#include "video_io_libav.h"
#include "video_io_palette.h"

namespace twill::media {
namespace {

namespace fs = std::filesystem;

const AVCodec* find_encoder(const VideoFormat& format) {
  return avcodec_find_encoder_by_name(std::string(format.encoder).c_str());
}

// Quality: a round trip of smooth clips keeps at least 38 dB (tests/media/video_io_test.cpp).
void set_quality(const VideoFormat& format, libav::Options& options) {
  if (format.encoder == "libx264") {
    options.set("crf", "16");
    options.set("preset", "medium");
    // x264's AVX-512 code (164 and 165) lets memory that nobody wrote decide: equal frames of some
    // widths, 832 among them, give other bytes in each process (findings/x264_varies_by_width.sh).
    // Without it encoding takes as long.
    if ((av_get_cpu_flags() & AV_CPU_FLAG_AVX512) != 0) {
      options.set("x264-params", "asm=avx2");
    }
  } else if (format.encoder == "libvpx-vp9") {
    options.set("crf", "16");
    options.set("b", "0");  // crf alone decides
    options.set("deadline", "good");
    options.set("cpu-used", "4");
    options.set("row-mt", "1");
  } else if (format.encoder == "libwebp_anim") {
    options.set("quality", "90");
  }
}

void set_container(const VideoFormat& format, libav::Options& options) {
  if (format.muxer == "mp4") {
    // The index in front, so that browsers show the clip while it loads; and any key of metadata.
    options.set("movflags", "faststart+use_metadata_tags");
  } else if (format.muxer == "gif" || format.muxer == "webp") {
    options.set("loop", "0");  // for ever
  }
}

// One clip on its way into one file.
class Encoder {
 public:
  Encoder(const VideoFormat& format, const fs::path& temporary, const fs::path& file,
          const RgbFrames& frames, double fps)
      : format_(format),
        file_(file.string()),
        width_(frames.width),
        height_(frames.height),
        picture_(libav::new_frame(AV_PIX_FMT_RGB24, width_, height_)),
        packet_(av_packet_alloc()) {
    check(avformat_alloc_output_context2(&container_, nullptr, std::string(format.muxer).c_str(),
                                         libav::url(temporary.string()).c_str()));
    try {
      open_encoder(fps);
      if (format_.encoder == "gif") {
        palette_.emplace(frames.rgb);
      } else {
        make_scaler();
      }
      check(avio_open(&container_->pb, container_->url, AVIO_FLAG_WRITE));
    } catch (...) {
      close();
      throw;
    }
  }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  ~Encoder() { close(); }

  void begin(const std::map<std::string, std::string>& metadata) {
    for (const auto& [key, value] : metadata) {
      av_dict_set(&container_->metadata, key.c_str(), valid_utf8(value).c_str(), 0);
    }
    libav::Options options;
    set_container(format_, options);
    check(avformat_write_header(container_, &options.entries));
  }

  // pixels: [height, width, 3].
  void add(const std::uint8_t* pixels) {
    const libav::Frame frame = libav::new_frame(codec_->pix_fmt, width_, height_);
    if (palette_) {
      fill_indices(pixels, *frame);
    } else {
      libav::copy_rgb(pixels, *picture_);
      sws_scale(scaler_.get(), picture_->data, picture_->linesize, 0, height_, frame->data,
                frame->linesize);
    }
    frame->pts = next_++;
    encode(frame.get());
  }

  void finish() {
    encode(nullptr);
    check(av_write_trailer(container_));
    check(avio_closep(&container_->pb));
  }

 private:
  void check(int code) const {
    require(code >= 0, ErrorCode::kSystem, file_, ": cannot be written: ", libav::reason(code));
  }

  void open_encoder(double fps) {
    const AVCodec* encoder = find_encoder(format_);
    stream_ = avformat_new_stream(container_, nullptr);
    codec_.reset(avcodec_alloc_context3(encoder));
    TWILL_ASSERT(stream_ != nullptr && codec_ != nullptr);
    codec_->width = width_;
    codec_->height = height_;
    // 24000/1001 fps and the like are kept exactly.
    codec_->framerate = av_d2q(fps, 1001000);
    codec_->time_base = av_inv_q(codec_->framerate);
    codec_->thread_count = 0;
    if (format_.even_size) {
      codec_->pix_fmt = AV_PIX_FMT_YUV420P;
      codec_->color_range = AVCOL_RANGE_MPEG;
      codec_->colorspace = AVCOL_SPC_BT709;
      codec_->color_primaries = AVCOL_PRI_BT709;
      codec_->color_trc = AVCOL_TRC_BT709;
    } else {
      codec_->pix_fmt = format_.encoder == "gif" ? AV_PIX_FMT_PAL8 : AV_PIX_FMT_RGB32;
    }
    if ((container_->oformat->flags & AVFMT_GLOBALHEADER) != 0) {
      codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    }
    libav::Options options;
    set_quality(format_, options);
    check(avcodec_open2(codec_.get(), encoder, &options.entries));
    check(avcodec_parameters_from_context(stream_->codecpar, codec_.get()));
    stream_->time_base = codec_->time_base;
    stream_->avg_frame_rate = codec_->framerate;
  }

  void make_scaler() {
    scaler_.reset(
        sws_getContext(width_, height_, AV_PIX_FMT_RGB24, width_, height_, codec_->pix_fmt,
                       SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP,
                       nullptr, nullptr, nullptr));
    TWILL_ASSERT(scaler_ != nullptr);
    const int* bt709 = sws_getCoefficients(SWS_CS_ITU709);
    constexpr int kOne = 1 << 16;
    sws_setColorspaceDetails(scaler_.get(), bt709, 1, bt709, 0, 0, kOne, kOne);
  }

  void fill_indices(const std::uint8_t* pixels, AVFrame& frame) const {
    std::copy(palette_->colours().begin(), palette_->colours().end(),
              reinterpret_cast<std::uint32_t*>(frame.data[1]));
    for (int y = 0; y < height_; ++y) {
      std::uint8_t* row = frame.data[0] + y * frame.linesize[0];
      for (int x = 0; x < width_; ++x, pixels += 3) {
        row[x] = palette_->entry(pixels, x, y);
      }
    }
  }

  void encode(const AVFrame* frame) {
    check(avcodec_send_frame(codec_.get(), frame));
    for (;;) {
      const int code = avcodec_receive_packet(codec_.get(), packet_.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) {
        return;
      }
      check(code);
      if (packet_->duration == 0) {
        packet_->duration = 1;  // else the last frame of an .mp4 has none
      }
      av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
      packet_->stream_index = stream_->index;
      check(av_interleaved_write_frame(container_, packet_.get()));
    }
  }

  void close() {
    if (container_ != nullptr) {
      avio_closep(&container_->pb);
      avformat_free_context(container_);
      container_ = nullptr;
    }
  }

  const VideoFormat& format_;
  std::string file_;
  int width_;
  int height_;
  libav::Frame picture_;
  libav::Packet packet_;
  AVFormatContext* container_ = nullptr;
  AVStream* stream_ = nullptr;  // of container_
  libav::Codec codec_;
  libav::Scaler scaler_;
  std::optional<Palette> palette_;
  std::int64_t next_ = 0;
};

}  // namespace

std::string cannot_encode(const VideoFormat& format) {
  const bool found =
      find_encoder(format) != nullptr &&
      av_guess_format(std::string(format.muxer).c_str(), nullptr, nullptr) != nullptr;
  return found ? ""
               : concat("libav was built without ", format.encoder, ", which ", format.ending,
                        " needs");
}

void encode_video(const VideoFormat& format, const fs::path& temporary, const fs::path& file,
                  const RgbFrames& frames, double fps,
                  const std::map<std::string, std::string>& metadata) {
  libav::be_quiet();
  Encoder encoder(format, temporary, file, frames, fps);
  encoder.begin(metadata);
  for (std::int32_t i = 0; i < frames.frames; ++i) {
    encoder.add(frames.at(i).rgb.data());
  }
  encoder.finish();
}

}  // namespace twill::media
