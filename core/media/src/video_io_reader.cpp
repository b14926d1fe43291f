// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <tuple>

#include "picture_turn.h"
#include "twill/media/picture_io.h"
#include "twill/media/video_io.h"
#include "twill/plan/error.h"
#include "twill/plan/text.h"
#include "video_io_libav.h"

namespace twill::media {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMaxBytes = std::int64_t{16} << 30;
constexpr std::int64_t kMaxPicturePixels = 100'000'000;

// As `frame` is to be shown: EXIF's orientation, which libav gives as a matrix or as text.
Turn turn_of(const AVFrame& frame) {
  if (const AVFrameSideData* matrix = av_frame_get_side_data(&frame, AV_FRAME_DATA_DISPLAYMATRIX);
      matrix != nullptr && matrix->size >= 9 * sizeof(std::int32_t)) {
    std::array<std::int32_t, 9> numbers{};
    std::copy_n(matrix->data, sizeof numbers, reinterpret_cast<std::uint8_t*>(numbers.data()));
    return turn_of_matrix(numbers.data());
  }
  const AVDictionaryEntry* entry = av_dict_get(frame.metadata, "Orientation", nullptr, 0);
  return entry != nullptr ? turn_of_exif(std::strtol(entry->value, nullptr, 10)) : Turn{};
}

// libav's reader of the picture that a file begins as; null for other files.
const char* picture_format(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string front(12, '\0');
  stream.read(front.data(), static_cast<std::streamsize>(front.size()));
  const std::string_view begin(front);
  return begin.starts_with("\x89PNG\r\n\x1a\n")                      ? "png_pipe"
         : begin.starts_with("\xff\xd8\xff")                         ? "jpeg_pipe"
         : begin.starts_with("RIFF") && begin.substr(8, 4) == "WEBP" ? "webp_pipe"
                                                                     : nullptr;
}

class Decoder {
 public:
  // picture: of picture_format(); null for a video, whose format is found out among those known.
  explicit Decoder(const fs::path& file, const char* picture = nullptr)
      : file_(file.string()), is_picture_(picture != nullptr) {
    std::error_code error;
    require(fs::is_regular_file(file, error), ErrorCode::kFile, file_, ": no such file");
    // A file from outside can neither name other files nor reach a little-tested demuxer.
    libav::Options options;
    options.set("protocol_whitelist", "file");
    options.set("format_whitelist", picture != nullptr ? picture : "mov,matroska,gif,png_pipe");
    check(avformat_open_input(&container_, libav::url(file_).c_str(),
                              picture != nullptr ? av_find_input_format(picture) : nullptr,
                              &options.entries));
    try {
      open_decoder();
    } catch (...) {
      avformat_close_input(&container_);
      throw;
    }
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { avformat_close_input(&container_); }

  // Of the first frame.
  const Turn& turn() const { return turn_; }

  Video read() {
    Video& video = video_;
    const AVStream& stream = *container_->streams[stream_];
    const AVRational rate =
        stream.avg_frame_rate.num > 0 ? stream.avg_frame_rate : stream.r_frame_rate;
    video.clip.fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0.0;
    const AVDictionaryEntry* entry = nullptr;
    while ((entry = av_dict_get(container_->metadata, "", entry, AV_DICT_IGNORE_SUFFIX)) !=
           nullptr) {
      std::string key = entry->key;
      std::transform(key.begin(), key.end(), key.begin(),
                     [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
      video.metadata[key] = valid_utf8(entry->value);
    }
    decode_all();
    require(video.clip.frames > 0, ErrorCode::kFile, file_, ": holds no frame");
    return std::move(video_);
  }

 private:
  void check(int code) const {
    require(code >= 0, ErrorCode::kFile, file_, ": cannot be read: ", libav::reason(code));
  }

  void open_decoder() {
    check(avformat_find_stream_info(container_, nullptr));
    const AVCodec* decoder = nullptr;
    stream_ = av_find_best_stream(container_, AVMEDIA_TYPE_VIDEO, -1, -1, &decoder, 0);
    check(stream_);
    codec_.reset(avcodec_alloc_context3(decoder));
    TWILL_ASSERT(codec_ != nullptr && packet_ != nullptr && frame_ != nullptr);
    check(avcodec_parameters_to_context(codec_.get(), container_->streams[stream_]->codecpar));
    const AVCodecParameters& stream = *container_->streams[stream_]->codecpar;
    require(!is_picture_ || std::int64_t{stream.width} * stream.height <= kMaxPicturePixels,
            ErrorCode::kFile, file_, ": has ", stream.width, "x", stream.height, " pixels, over ",
            kMaxPicturePixels);
    codec_->max_pixels = is_picture_ ? kMaxPicturePixels : kMaxBytes / 3;
    codec_->thread_count = 0;
    if (is_picture_) {
      codec_->err_recognition |= AV_EF_EXPLODE;  // half a JPEG would be a picture, grey below
    }
    check(avcodec_open2(codec_.get(), decoder, nullptr));
  }

  void decode_all() {
    int code = 0;
    while ((code = av_read_frame(container_, packet_.get())) >= 0) {
      if (packet_->stream_index == stream_) {
        decode(packet_.get());
      }
      av_packet_unref(packet_.get());
    }
    require(code == AVERROR_EOF, ErrorCode::kFile, file_,
            ": cannot be read: ", libav::reason(code));
    decode(nullptr);
  }

  void decode(const AVPacket* packet) {
    check(avcodec_send_packet(codec_.get(), packet));
    for (;;) {
      const int code = avcodec_receive_frame(codec_.get(), frame_.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) {
        return;
      }
      check(code);
      append(*frame_);
    }
  }

  void append(const AVFrame& frame) {
    require((frame.decode_error_flags | (frame.flags & AV_FRAME_FLAG_CORRUPT)) == 0,
            ErrorCode::kFile, file_, ": frame ", video_.clip.frames, " is damaged");
    if (!scaler_) {
      make_scaler(frame);
      turn_ = turn_of(frame);
    }
    require(frame.width == picture_->width && frame.height == picture_->height &&
                frame.format == format_,
            ErrorCode::kFile, file_, ": frame ", video_.clip.frames, " has another size or format");
    RgbClip& clip = video_.clip;
    clip.width = frame.width;
    clip.height = frame.height;
    const std::size_t begin = clip.rgb.size();
    const std::size_t end = begin + clip.frame_bytes();
    require(end <= static_cast<std::size_t>(kMaxBytes), ErrorCode::kFile, file_,
            ": holds over 16 GiB of frames");
    sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, picture_->data,
              picture_->linesize);
    clip.rgb.resize(end);
    av_image_copy_plane(clip.rgb.data() + begin, 3 * frame.width, picture_->data[0],
                        picture_->linesize[0], 3 * frame.width, frame.height);
    ++clip.frames;
  }

  void make_scaler(const AVFrame& frame) {
    format_ = frame.format;
    picture_ = libav::new_frame(AV_PIX_FMT_RGB24, frame.width, frame.height);
    scaler_.reset(sws_getContext(frame.width, frame.height, static_cast<AVPixelFormat>(format_),
                                 frame.width, frame.height, AV_PIX_FMT_RGB24,
                                 SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, nullptr,
                                 nullptr, nullptr));
    require(scaler_ != nullptr, ErrorCode::kFile, file_, ": its pixels cannot be read as RGB");
    // AVColorSpace and the SWS_CS_ numbers agree; what no one stated is taken as swscale does.
    const int* coefficients = sws_getCoefficients(
        frame.colorspace == AVCOL_SPC_UNSPECIFIED ? SWS_CS_DEFAULT : frame.colorspace);
    constexpr int kOne = 1 << 16;
    sws_setColorspaceDetails(scaler_.get(), coefficients, frame.color_range == AVCOL_RANGE_JPEG,
                             coefficients, 1, 0, kOne, kOne);
  }

  std::string file_;
  bool is_picture_ = false;
  AVFormatContext* container_ = nullptr;
  int stream_ = 0;
  libav::Codec codec_;
  libav::Packet packet_{av_packet_alloc()};
  libav::Frame frame_{av_frame_alloc()};
  libav::Scaler scaler_;
  libav::Frame picture_;  // RGB24
  int format_ = 0;        // of the decoded frames
  Turn turn_;
  Video video_;
};

}  // namespace

Video read_video(const fs::path& file) {
  libav::be_quiet();
  return Decoder(file).read();
}

std::vector<std::string> readable_pictures() {
  std::vector<std::string> names;
  for (const auto& [name, demuxer, codec] : {std::tuple("PNG", "png_pipe", AV_CODEC_ID_PNG),
                                             std::tuple("JPEG", "jpeg_pipe", AV_CODEC_ID_MJPEG),
                                             std::tuple("WebP", "webp_pipe", AV_CODEC_ID_WEBP)}) {
    if (av_find_input_format(demuxer) != nullptr && avcodec_find_decoder(codec) != nullptr) {
      names.emplace_back(name);
    }
  }
  return names;
}

Picture read_picture(const fs::path& file) {
  libav::be_quiet();
  std::error_code error;
  require(fs::is_regular_file(file, error), ErrorCode::kFile, file.string(), ": no such file");
  const char* const format = picture_format(file);
  require(format != nullptr, ErrorCode::kFile, file.string(), ": is no PNG, JPEG or WebP picture");
  Decoder decoder(file, format);
  RgbClip clip = decoder.read().clip;
  require(clip.frames == 1, ErrorCode::kFile, file.string(), ": holds ", clip.frames,
          " pictures, not one");
  return turned({.width = clip.width, .height = clip.height, .rgb = std::move(clip.rgb)},
                decoder.turn());
}

}  // namespace twill::media
