// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/whole_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "twill/plan/error.h"
#include "twill/plan/unfinished.h"

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

 private:
  int number_;
};

std::string reason() { return std::generic_category().message(errno); }

[[noreturn]] void fail_to_read(const std::filesystem::path& file) {
  throw Error(ErrorCode::kFile, concat(file.string(), ": cannot be read: ", reason()));
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
  UnfinishedFile whole(file);
  whole.write(bytes);
  whole.finish();
}

}  // namespace twill
