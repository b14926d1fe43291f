// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/unfinished.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <system_error>
#include <utility>

#include "twill/plan/error.h"
#include "unfinished_names.h"

namespace twill {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDigits = 16;
constexpr std::size_t kLongestStem = 180;  // of the 255 bytes that a name may have
constexpr int kAttempts = 16;

std::string reason() { return std::generic_category().message(errno); }

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : ".";
}

bool same_inode(int descriptor, const fs::path& path) {
  struct stat open_one {};
  struct stat named {};
  return ::fstat(descriptor, &open_one) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
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
void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    ::fsync(descriptor);
    ::close(descriptor);
  }
}

// Removes `path` if the process that wrote it is gone, or completes what it was about to do.
void sweep_one(const fs::path& path, const fs::path& whole_place) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    return;
  }
  if (S_ISLNK(status.st_mode)) {
    ::unlink(path.c_str());  // cannot be locked; its writer makes another
    return;
  }
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
    return;
  }
  const int kind = S_ISDIR(status.st_mode) ? O_RDONLY | O_DIRECTORY : O_RDWR;
  const int descriptor = ::open(path.c_str(), kind | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) {
    return;  // another user's
  }
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0 && same_inode(descriptor, path)) {
    std::error_code code;
    if (whole_place.empty() || fs::exists(fs::symlink_status(whole_place, code)) ||
        ::rename(path.c_str(), whole_place.c_str()) != 0) {
      fs::remove_all(path, code);
    }
  }
  ::close(descriptor);
}

}  // namespace

std::string unfinished_name(std::string_view name, std::string_view ending) {
  static constexpr char kHexDigits[] = "0123456789abcdef";
  std::uint64_t value = 0;
  if (::getrandom(&value, sizeof value, 0) != sizeof value) {
    throw Error(ErrorCode::kSystem, concat("no random number: ", reason()));
  }
  std::string digits(kDigits, '0');
  for (char& digit : digits) {
    digit = kHexDigits[value & 15];
    value >>= 4;
  }
  return concat(".", name.substr(0, kLongestStem), ".", digits, ending);
}

std::string name_of_unfinished(std::string_view unfinished, std::string_view ending) {
  const std::size_t most = 1 + 1 + kDigits + ending.size();
  if (unfinished.size() <= most || unfinished.front() != '.' || !unfinished.ends_with(ending)) {
    return {};
  }
  unfinished.remove_suffix(ending.size());
  const std::string_view digits = unfinished.substr(unfinished.size() - kDigits);
  if (digits.find_first_not_of("0123456789abcdef") != std::string_view::npos ||
      unfinished[unfinished.size() - kDigits - 1] != '.') {
    return {};
  }
  return std::string(unfinished.substr(1, unfinished.size() - kDigits - 2));
}

fs::path place_of(const fs::path& path) {
  constexpr int kMostLinks = 40;
  fs::path place = path;
  for (int i = 0; i < kMostLinks; ++i) {
    while (!place.has_filename() && place.has_parent_path() && place != place.root_path()) {
      place = place.parent_path();
    }
    std::error_code code;
    const fs::path target = fs::read_symlink(place, code);
    if (code) {
      return place;  // no link, or nothing there
    }
    place = target.is_absolute() ? target : place.parent_path() / target;
  }
  throw Error(
      ErrorCode::kSystem,
      concat(path.string(), ": cannot be written: ", std::generic_category().message(ELOOP)));
}

bool exchange_in_one_step(const fs::path& part, const fs::path& place) {
  return ::renameat2(AT_FDCWD, part.c_str(), AT_FDCWD, place.c_str(), RENAME_EXCHANGE) == 0;
}

bool exchange_in_two_steps(const fs::path& part, const fs::path& place) {
  // From here on the new folder is known to be whole: should this process end before it has the
  // place, while the old one has lost it, a sweep gives it the place.
  const std::string name = place.filename().string();
  if (name.size() > kLongestStem) {
    errno = ENAMETOOLONG;
    return false;
  }
  const fs::path whole = folder_of(place) / unfinished_name(name, kWholeEnding);
  if (::rename(part.c_str(), whole.c_str()) != 0) {
    return false;
  }
  if (::rename(place.c_str(), part.c_str()) == 0) {
    if (::rename(whole.c_str(), place.c_str()) == 0) {
      return true;
    }
    const int error = errno;
    ::rename(part.c_str(), place.c_str());
    errno = error;
  }
  const int error = errno;
  ::rename(whole.c_str(), part.c_str());
  errno = error;
  return false;
}

Unfinished::Unfinished(const fs::path& named) : named_(named), place_(place_of(named)) {
  sweep_unfinished(folder_of(place_));
}

Unfinished::~Unfinished() {
  if (!path_.empty()) {
    std::error_code code;
    fs::remove_all(path_, code);
  }
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

void Unfinished::fail() const {
  throw Error(ErrorCode::kSystem, concat(named_.string(), ": cannot be written: ", reason()));
}

bool Unfinished::lock() const {
  // On a file system without locks nobody can take one, and nothing is swept.
  while (::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
  }
  return same_inode(descriptor_, path_);
}

UnfinishedFile::UnfinishedFile(const fs::path& file) : Unfinished(file) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const fs::path path =
        folder_of(place_) / unfinished_name(place_.filename().string(), kPartEnding);
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0) {
      fail();
    }
    path_ = path;
    if (lock()) {
      return;
    }
    ::close(std::exchange(descriptor_, -1));
  }
  fail();
}

void UnfinishedFile::write(std::string_view bytes) {
  if (!write_all(descriptor_, bytes)) {
    fail();
  }
}

void UnfinishedFile::finish() {
  if (::fsync(descriptor_) != 0 || ::rename(path_.c_str(), place_.c_str()) != 0) {
    fail();
  }
  path_.clear();
  sync_folder(folder_of(place_));
}

UnfinishedFolder::UnfinishedFolder(const fs::path& folder) : Unfinished(folder) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const fs::path path =
        folder_of(place_) / unfinished_name(place_.filename().string(), kPartEnding);
    if (::mkdir(path.c_str(), 0777) != 0) {
      fail();
    }
    path_ = path;
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor_ >= 0 && lock()) {
      return;
    }
    if (descriptor_ >= 0) {
      ::close(std::exchange(descriptor_, -1));
    }
  }
  fail();
}

void UnfinishedFolder::add(const std::string& name, std::string_view bytes) const {
  const int descriptor =
      ::openat(descriptor_, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  const bool written = descriptor >= 0 && write_all(descriptor, bytes) && ::fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) {
    ::close(descriptor);
  }
  if (!written) {
    errno = error;
    fail();
  }
}

void UnfinishedFolder::finish() {
  struct stat old {};
  if (::stat(place_.c_str(), &old) == 0) {
    ::fchmod(descriptor_, old.st_mode & 07777);
  }
  // Takes the place of nothing, or of an empty folder.
  if (::rename(path_.c_str(), place_.c_str()) == 0) {
    path_.clear();
  } else if (errno != ENOTEMPTY && errno != EEXIST) {
    fail();
  } else if (!exchange_in_one_step(path_, place_) &&
             !((errno == EINVAL || errno == ENOSYS || errno == ENOTSUP) &&
               exchange_in_two_steps(path_, place_))) {
    fail();
  }
  sync_folder(folder_of(place_));
}

void sweep_unfinished(const fs::path& folder) {
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code)) {
    const std::string name = entry->path().filename().string();
    if (!name_of_unfinished(name, kPartEnding).empty()) {
      sweep_one(entry->path(), {});
    } else if (const std::string whole = name_of_unfinished(name, kWholeEnding); !whole.empty()) {
      sweep_one(entry->path(), folder / whole);
    }
  }
}

}  // namespace twill
