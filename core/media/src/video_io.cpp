// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/media/video_io.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fstream>

#include "twill/plan/error.h"
#include "video_io_formats.h"

namespace twill::media {
namespace {

namespace fs = std::filesystem;

const VideoFormat& format_of(const fs::path& file) {
  std::string ending = file.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  std::string known;
  for (const VideoFormat& format : kVideoFormats) {
    if (format.ending == ending) {
      return format;
    }
    known += concat(known.empty() ? "" : ", ", format.ending);
  }
  throw Error(ErrorCode::kUsage, concat(file.string(), ": the ending \"", ending,
                                        "\" is not one of a video: ", known));
}

const VideoFormat& checked_format(const fs::path& file) {
  const VideoFormat& format = format_of(file);
  const std::string reason = cannot_encode(format);
  require(reason.empty(), ErrorCode::kUnsupported, file.string(), ": ", reason);
  return format;
}

void append_little_endian(std::string& bytes, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) {
    bytes += static_cast<char>(value >> shift & 0xff);
  }
}

// .gif and .webp have no place for metadata, but one for bytes that readers pass over: a comment
// before the last byte, and a chunk of an unknown name at the end.
void add_software(const VideoFormat& format, const fs::path& encoded, const fs::path& file,
                  const std::string& software) {
  const std::string text = concat("software: ", software).substr(0, 255);
  std::fstream stream(encoded, std::ios::binary | std::ios::in | std::ios::out);
  if (format.ending == ".gif") {
    stream.seekp(-1, std::ios::end);
    stream << "\x21\xfe" << static_cast<char>(text.size()) << text << '\0' << ';';
  } else if (format.ending == ".webp") {
    stream.seekp(0, std::ios::end);
    std::string chunk = "Soft";
    append_little_endian(chunk, static_cast<std::uint32_t>(text.size()));
    chunk += text;
    chunk.resize((chunk.size() + 1) / 2 * 2);
    std::string size;
    append_little_endian(size, static_cast<std::uint32_t>(stream.tellp()) +
                                   static_cast<std::uint32_t>(chunk.size()) - 8);
    stream << chunk;
    stream.seekp(4);
    stream << size;
  }
  stream.close();
  require(stream.good(), ErrorCode::kSystem, file.string(),
          ": cannot be written: ", std::generic_category().message(errno));
}

}  // namespace

std::vector<std::string> writable_video_endings() {
  std::vector<std::string> endings;
  for (const VideoFormat& format : kVideoFormats) {
    if (cannot_encode(format).empty()) {
      endings.emplace_back(format.ending);
    }
  }
  return endings;
}

void check_video_file(const fs::path& file) { checked_format(file); }

void check_video_clip(const fs::path& file, std::int64_t width, std::int64_t height, double fps) {
  const VideoFormat& format = checked_format(file);
  require(!format.even_size || (width % 2 == 0 && height % 2 == 0), ErrorCode::kUsage,
          file.string(), ": ", format.ending, " holds even sizes only, not ", width, "x", height);
  // The least of what the four formats can hold.
  constexpr std::int64_t kMaxSide = 16383;
  require(width <= kMaxSide && height <= kMaxSide, ErrorCode::kUsage, file.string(), ": ", width,
          "x", height, " is larger than ", kMaxSide, "x", kMaxSide);
  // Below 1/100 the durations of frames leave the integers of some containers.
  require(fps >= 0.01 && fps <= format.max_fps, ErrorCode::kUsage, file.string(), ": ", fps,
          " fps is not in 0.01..", format.max_fps, " of ", format.ending);
}

void write_video(const fs::path& file, const RgbFrames& frames, double fps,
                 const std::map<std::string, std::string>& metadata) {
  encode_video(file, frames, fps, metadata)->finish();
}

std::unique_ptr<Unfinished> encode_video(const fs::path& file, const RgbFrames& frames, double fps,
                                         const std::map<std::string, std::string>& metadata) {
  const VideoFormat& format = checked_format(file);
  TWILL_ASSERT(frames.is_whole());
  check_video_clip(file, frames.width, frames.height, fps);
  auto whole = std::make_unique<UnfinishedFile>(file);
  encode_video(format, whole->path(), file, frames, fps, metadata);
  if (const auto software = metadata.find("software"); software != metadata.end()) {
    add_software(format, whole->path(), file, software->second);
  }
  return whole;
}

}  // namespace twill::media
