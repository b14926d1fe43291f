// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/whole_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "twill/plan/error.h"

namespace twill {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }

  int number() const { return number_; }
  bool close() { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

std::string reason() { return std::generic_category().message(errno); }

[[noreturn]] void fail_to_read(const std::filesystem::path& file) {
  throw Error(ErrorCode::kFile, concat(file.string(), ": cannot be read: ", reason()));
}

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      return false;
    }
    bytes.remove_prefix(written > 0 ? static_cast<std::size_t>(written) : 0);
  }
  return true;
}

// The name that a rename gave is on disk only once its folder is. The data is safe either way, so a
// file system that cannot sync a folder is no failure.
void sync_folder(const std::filesystem::path& folder) {
  const FileDescriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.number() >= 0) {
    ::fsync(descriptor.number());
  }
}

}  // namespace

std::string read_file(const std::filesystem::path& file, std::uint64_t most_bytes) {
  // O_NONBLOCK: opening a pipe must not wait for its writer.
  const FileDescriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.number() < 0) {
    fail_to_read(file);
  }
  struct stat status {};
  if (::fstat(descriptor.number(), &status) != 0) {
    fail_to_read(file);
  }
  require(S_ISREG(status.st_mode), ErrorCode::kFile, file.string(), ": is not a regular file");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  require(size <= most_bytes, ErrorCode::kFile, file.string(), ": ", size, " bytes are more than ",
          most_bytes);
  std::string bytes(size, '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = ::read(descriptor.number(), bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && errno != EINTR) {
      fail_to_read(file);
    }
    if (count == 0) {
      break;
    }
    filled += count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  bytes.resize(filled);
  return bytes;
}

void write_file(const std::filesystem::path& file, std::string_view bytes) {
  static std::atomic<unsigned> counter = 0;
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const std::filesystem::path temporary =
      folder / concat(".", file.filename().string(), ".", ::getpid(), ".", counter++, ".tmp");
  FileDescriptor descriptor(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (descriptor.number() < 0) {
    throw Error(ErrorCode::kSystem, concat(file.string(), ": cannot be written: ", reason()));
  }
  if (!write_all(descriptor.number(), bytes) || ::fsync(descriptor.number()) != 0 ||
      !descriptor.close() || ::rename(temporary.c_str(), file.c_str()) != 0) {
    const std::string why = reason();
    ::unlink(temporary.c_str());
    throw Error(ErrorCode::kSystem, concat(file.string(), ": cannot be written: ", why));
  }
  sync_folder(folder);
}

}  // namespace twill
