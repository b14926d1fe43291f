// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/video_io.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cmath>

#include "twill/plan/error.h"
#include "video_io_formats.h"

namespace twill::engine {
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

void write_video(const fs::path& file, const at::Tensor& frames, double fps,
                 const std::map<std::string, std::string>& metadata) {
  const VideoFormat& format = checked_format(file);
  require(frames.scalar_type() == at::kByte && frames.dim() == 4 && frames.size(3) == 3 &&
              frames.numel() > 0,
          ErrorCode::kUsage, file.string(), ": a clip of shape ", frames.sizes(), " and dtype ",
          c10::toString(frames.scalar_type()), " is not [frames, height, width, 3] of bytes");
  const std::int64_t height = frames.size(1);
  const std::int64_t width = frames.size(2);
  require(!format.even_size || (width % 2 == 0 && height % 2 == 0), ErrorCode::kUsage,
          file.string(), ": ", format.ending, " holds even sizes only, not ", width, "x", height);
  // The least of what the four formats can hold.
  constexpr std::int64_t kMaxSide = 16383;
  require(width <= kMaxSide && height <= kMaxSide, ErrorCode::kUsage, file.string(), ": ", width,
          "x", height, " is larger than ", kMaxSide, "x", kMaxSide);
  // Below 1/100 the durations of frames leave the integers of some containers.
  require(fps >= 0.01 && fps <= format.max_fps, ErrorCode::kUsage, file.string(), ": ", fps,
          " fps is not in 0.01..", format.max_fps);
  write_then_rename(file, [&](const fs::path& temporary) {
    encode_video(format, temporary, file, frames.contiguous(), fps, metadata);
  });
}

void write_then_rename(const fs::path& file, const std::function<void(const fs::path&)>& write) {
  static std::atomic<int> count{0};
  fs::path temporary = file;
  temporary += concat(".", ::getpid(), "-", count++, ".tmp");
  std::error_code error;
  try {
    write(temporary);
    fs::rename(temporary, file, error);
    require(!error, ErrorCode::kSystem, file.string(), ": cannot be written: ", error.message());
  } catch (...) {
    fs::remove(temporary, error);
    throw;
  }
}

}  // namespace twill::engine
