// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/file_hash.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <fstream>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "files.h"
#include "twill/plan/error.h"
#include "twill/plan/text_hash.h"
#include "twill/plan/whole_files.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPrime1 = 0x9e3779b185ebca87u;
constexpr std::uint64_t kPrime2 = 0xc2b2ae3d27d4eb4fu;
constexpr std::uint64_t kPrime3 = 0x165667b19e3779f9u;
constexpr std::uint64_t kPrime4 = 0x85ebca77c2b2ae63u;
constexpr std::uint64_t kPrime5 = 0x27d4eb2f165667c5u;
constexpr std::size_t kStripe = 32;

constexpr std::uint64_t kBlockBytes = 4u << 20;
constexpr unsigned kMostThreads = 8;
// Smaller ones are read sooner than the memory of them.
constexpr std::uint64_t kRememberedBytes = 64u << 20;
// The clock of some file systems: within it a second change can leave the times as they are.
constexpr std::int64_t kClockSeconds = 2;

template <typename Word>
std::uint64_t word(const std::byte* from) {
  static_assert(std::endian::native == std::endian::little);
  Word value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

std::uint64_t mixed(std::uint64_t lane, std::uint64_t input) {
  return std::rotl(lane + input * kPrime2, 31) * kPrime1;
}

std::uint64_t finished(std::uint64_t hash, const std::byte* at, const std::byte* end) {
  for (; end - at >= 8; at += 8) {
    hash = std::rotl(hash ^ mixed(0, word<std::uint64_t>(at)), 27) * kPrime1 + kPrime4;
  }
  if (end - at >= 4) {
    hash = std::rotl(hash ^ (word<std::uint32_t>(at) * kPrime1), 23) * kPrime2 + kPrime3;
    at += 4;
  }
  for (; at < end; ++at) {
    hash = std::rotl(hash ^ (word<std::uint8_t>(at) * kPrime5), 11) * kPrime1;
  }
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return hash ^ (hash >> 32);
}

// What tells that a file is as it was.
std::string stamp_of(const struct stat& status) {
  return concat(status.st_dev, " ", status.st_ino, " ", status.st_size, " ", status.st_mtim.tv_sec,
                ".", status.st_mtim.tv_nsec, " ", status.st_ctim.tv_sec, ".",
                status.st_ctim.tv_nsec);
}

// Hashes of one path, in a file of its own: two processes do not lose each other's.
class Memory {
 public:
  explicit Memory(const fs::path& path) {
    std::error_code code;
    const fs::path whole = fs::canonical(path, code);
    if (const fs::path folder = cache_folder(); !code && !folder.empty()) {
      path_ = whole.string();
      file_ = folder / "hashes" / concat(hex(hash_text(path_)), ".txt");
    }
  }

  bool find(const std::string& stamp, std::uint64_t* hash) const {
    std::ifstream stream(file_);
    std::string path;
    std::string stamped;
    return !file_.empty() && std::getline(stream, path) && path == path_ &&
           std::getline(stream, stamped) && stamped == stamp && (stream >> std::hex >> *hash);
  }

  void keep(const std::string& stamp, std::uint64_t hash) const {
    if (file_.empty()) {
      return;
    }
    try {
      std::error_code code;
      fs::create_directories(file_.parent_path(), code);
      write_file(file_, concat(path_, "\n", stamp, "\n", hex(hash), "\n"));
    } catch (const Error&) {
      // Nothing can be kept there; the next run reads the file again.
    }
  }

 private:
  std::string path_;
  fs::path file_;
};

class OpenFile {
 public:
  explicit OpenFile(const fs::path& path)
      : name_(path.string()), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    require(descriptor_ >= 0, ErrorCode::kFile, name_, ": cannot be read: ", std::strerror(errno));
  }
  ~OpenFile() { ::close(descriptor_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  struct stat status() const {
    struct stat status {};
    require(::fstat(descriptor_, &status) == 0, ErrorCode::kFile, name_,
            ": cannot be read: ", std::strerror(errno));
    require(S_ISREG(status.st_mode), ErrorCode::kFile, name_, ": not a regular file");
    return status;
  }

  void read(std::uint64_t begin, std::span<std::byte> to) const {
    while (!to.empty()) {
      const ssize_t got = ::pread(descriptor_, to.data(), to.size(), static_cast<off_t>(begin));
      if (got < 0 && errno == EINTR) {
        continue;
      }
      require(got >= 0, ErrorCode::kFile, name_, ": cannot be read: ", std::strerror(errno));
      require(got > 0, ErrorCode::kFile, name_, ": ended at byte ", begin,
              " while it was read, and was longer before; is it being copied or written?");
      begin += static_cast<std::uint64_t>(got);
      to = to.subspan(static_cast<std::size_t>(got));
    }
  }

 private:
  std::string name_;
  int descriptor_;
};

// Of every block, by as many threads as the machine has.
std::vector<std::uint64_t> hash_blocks(const OpenFile& file, std::uint64_t bytes,
                                       const std::stop_token& stop) {
  std::vector<std::uint64_t> hashes((bytes + kBlockBytes - 1) / kBlockBytes);
  std::atomic<std::size_t> next{0};
  std::exception_ptr failed;
  std::mutex mutex;
  const auto work = [&] {
    try {
      std::vector<std::byte> block(std::min(bytes, kBlockBytes));
      for (std::size_t i = next++; i < hashes.size(); i = next++) {
        if (stop.stop_requested()) {
          throw Cancelled();
        }
        const std::uint64_t begin = i * kBlockBytes;
        const std::span<std::byte> part(block.data(), std::min(bytes - begin, kBlockBytes));
        file.read(begin, part);
        hashes[i] = hash_bytes(part, i);
      }
    } catch (...) {
      next = hashes.size();
      const std::scoped_lock lock(mutex);
      failed = std::current_exception();
    }
  };
  {
    const std::size_t threads =
        std::min<std::size_t>({hashes.size(), kMostThreads, std::thread::hardware_concurrency()});
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < threads; ++i) {
      others.emplace_back(work);
    }
    work();
  }
  if (failed) {
    std::rethrow_exception(failed);
  }
  return hashes;
}

}  // namespace

std::uint64_t hash_bytes(std::span<const std::byte> bytes, std::uint64_t seed) {
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();
  std::uint64_t hash = seed + kPrime5;
  if (bytes.size() >= kStripe) {
    std::array<std::uint64_t, 4> lanes{seed + kPrime1 + kPrime2, seed + kPrime2, seed,
                                       seed - kPrime1};
    for (; static_cast<std::size_t>(end - at) >= kStripe; at += kStripe) {
      for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
        lanes[lane] = mixed(lanes[lane], word<std::uint64_t>(at + 8 * lane));
      }
    }
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
           std::rotl(lanes[3], 18);
    for (const std::uint64_t lane : lanes) {
      hash = (hash ^ mixed(0, lane)) * kPrime1 + kPrime4;
    }
  }
  return finished(hash + bytes.size(), at, end);
}

std::uint64_t hash_file(const fs::path& path, const std::stop_token& stop) {
  const OpenFile file(path);
  const struct stat before = file.status();
  const auto bytes = static_cast<std::uint64_t>(before.st_size);
  const std::string stamp = stamp_of(before);
  std::uint64_t hash = 0;
  const bool large = bytes >= kRememberedBytes;
  if (large && Memory(path).find(stamp, &hash)) {
    return hash;
  }
  std::vector<std::uint64_t> blocks = hash_blocks(file, bytes, stop);
  require(stamp_of(file.status()) == stamp, ErrorCode::kFile, path.string(),
          ": was written to while it was read; try again when that has ended");
  hash = hash_bytes(std::as_bytes(std::span(blocks)), bytes);
  const std::int64_t changed = std::max(before.st_mtim.tv_sec, before.st_ctim.tv_sec);
  const std::int64_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  if (large && changed + kClockSeconds < now) {
    Memory(path).keep(stamp, hash);
  }
  return hash;
}

std::string file_fingerprint(const fs::path& file) { return hex(hash_file(file)); }

}  // namespace twill::jobs
