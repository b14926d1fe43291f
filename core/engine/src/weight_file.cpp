// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "weight_file.h"

#include <ATen/Parallel.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "foreign_file.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

constexpr std::uint64_t kPieceBytes = 8u << 20;  // of a thread, and between looks at the stop

}  // namespace

WeightFile::WeightFile(std::filesystem::path path)
    : path_(std::move(path)),
      descriptor_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  require(descriptor_ >= 0, ErrorCode::kFile, name(), ": ", std::strerror(errno));
  struct stat status {};
  const bool regular = ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
  opened_ = regular ? state() : State();
  bytes_ = opened_.bytes;
  if (!regular || bytes_ == 0) {
    ::close(descriptor_);
    throw Error(ErrorCode::kFile,
                name() + (regular ? ": the file is empty" : ": not a regular file"));
  }
}

WeightFile::~WeightFile() { ::close(descriptor_); }

WeightFile::State WeightFile::state() const {
  struct stat status {};
  require(::fstat(descriptor_, &status) == 0, ErrorCode::kFile, name(), ": ", std::strerror(errno));
  return {.bytes = static_cast<std::uint64_t>(status.st_size),
          .seconds = status.st_mtim.tv_sec,
          .nanoseconds = status.st_mtim.tv_nsec};
}

bool WeightFile::is_gguf() const {
  std::string front(std::min<std::uint64_t>(bytes_, kGgufMagic.size()), '\0');
  read(0, front.data(), front.size());
  return front == kGgufMagic;
}

GgufHeader WeightFile::read_gguf() const {
  return read_gguf_header(
      [this](std::uint64_t begin, char* to, std::uint64_t bytes) { read(begin, to, bytes); },
      name(), bytes_);
}

SafetensorsHeader WeightFile::read_safetensors() const {
  std::string front(std::min<std::uint64_t>(bytes_, kTellingBytes), '\0');
  read(0, front.data(), front.size());
  const std::uint64_t length = safetensors_header_bytes(front, name(), bytes_);
  const std::size_t have = std::min<std::size_t>(front.size(), length);
  front.resize(length);
  read(have, front.data() + have, length - have);
  return read_safetensors_header(front, name(), bytes_);
}

// By all threads: one alone copies slower out of the system's cache than a GPU takes it.
void WeightFile::read(std::uint64_t begin, void* to, std::uint64_t bytes,
                      const std::stop_token& stop) const {
  const auto pieces = static_cast<std::int64_t>((bytes + kPieceBytes - 1) / kPieceBytes);
  at::parallel_for(0, pieces, 1, [&](std::int64_t first, std::int64_t last) {
    const std::uint64_t from = static_cast<std::uint64_t>(first) * kPieceBytes;
    const std::uint64_t end = std::min(static_cast<std::uint64_t>(last) * kPieceBytes, bytes);
    read_in_turn(begin + from, static_cast<char*>(to) + from, end - from, stop);
  });
}

void WeightFile::read_in_turn(std::uint64_t begin, char* to, std::uint64_t bytes,
                              const std::stop_token& stop) const {
  for (std::uint64_t done = 0; done < bytes;) {
    if (stop.stop_requested()) {
      throw Cancelled();
    }
    const ssize_t got = ::pread(descriptor_, to + done, std::min(bytes - done, kPieceBytes),
                                static_cast<off_t>(begin + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    require(got >= 0, ErrorCode::kFile, name(), ": cannot be read: ", std::strerror(errno));
    require(got > 0, ErrorCode::kFile, name(), ": ended at byte ", state().bytes,
            " while it was read, but had ", bytes_,
            " bytes when it was opened; is it being copied or written?");
    done += static_cast<std::uint64_t>(got);
  }
}

void WeightFile::check_unchanged() const {
  const State now = state();
  require(now.bytes == opened_.bytes, ErrorCode::kFile, name(), ": has ", now.bytes,
          " bytes after it was read, but had ", opened_.bytes,
          " when it was opened; is it being copied or written?");
  require(now == opened_, ErrorCode::kFile, name(),
          ": was written to while it was read; load it again when that has ended");
}

}  // namespace twill::engine
