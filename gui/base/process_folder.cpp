// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "base/process_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QStandardPaths>
#include <QUuid>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "twill/plan/error.h"

namespace twill::gui {
namespace {

const QString kLock = QStringLiteral(".lock");

// The descriptor of the locked file; -1 with errno where there is none.
int lock(const QString& file, int open_flags, int lock_flags) {
  const std::string path = from_qt(file);
  for (;;) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC | open_flags, 0600);
    if (descriptor < 0) {
      return -1;
    }
    if (::flock(descriptor, LOCK_EX | lock_flags) != 0) {
      const int why = errno;
      ::close(descriptor);
      errno = why;
      return -1;
    }
    // Whoever held it may have removed the file between the two calls: then another one counts.
    struct stat held {
    }, named{};
    if (::fstat(descriptor, &held) == 0 && ::stat(path.c_str(), &named) == 0 &&
        held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
      return descriptor;
    }
    ::close(descriptor);
  }
}

}  // namespace

ProcessFolder::ProcessFolder(const QString& root)
    : root_(root), name_(QUuid::createUuid().toString(QUuid::WithoutBraces)) {
  QDir().mkpath(root_);
  // Waits for a process that took the new file for left behind: it looks and lets go.
  lock_ = lock(lock_file(), O_CREAT, 0);
  const bool made = lock_ >= 0 && QDir().mkdir(path());
  if (!made) {
    const std::string why = std::generic_category().message(errno);
    if (lock_ >= 0) {
      QFile::remove(lock_file());
      ::close(lock_);
    }
    throw Error(ErrorCode::kSystem, concat(from_qt(path()), ": cannot be made: ", why));
  }
}

ProcessFolder::ProcessFolder(QString root, QString name, int lock)
    : root_(std::move(root)), name_(std::move(name)), lock_(lock) {}

ProcessFolder::~ProcessFolder() {
  if (lock_ >= 0) {
    // The lock's file goes last and while it is held: nobody sees the folder without it.
    QDir(path()).removeRecursively();
    QFile::remove(lock_file());
    ::close(lock_);
  }
}

void ProcessFolder::release() { ::close(std::exchange(lock_, -1)); }

QString ProcessFolder::path() const { return QDir(root_).filePath(name_); }
QString ProcessFolder::lock_file() const { return path() + kLock; }
QString ProcessFolder::file(const QString& name) const { return QDir(path()).filePath(name); }

std::vector<std::unique_ptr<ProcessFolder>> ProcessFolder::left_in(const QString& root) {
  std::vector<std::unique_ptr<ProcessFolder>> found;
  const QStringList locks = QDir(root).entryList({QLatin1Char('*') + kLock}, QDir::Files);
  for (const QString& name : locks) {
    const int descriptor = lock(QDir(root).filePath(name), 0, LOCK_NB);
    if (descriptor >= 0) {
      found.push_back(std::unique_ptr<ProcessFolder>(
          new ProcessFolder(root, name.chopped(kLock.size()), descriptor)));
    }
  }
  return found;
}

namespace {

QString scratch_root() {
  return QStandardPaths::writableLocation(QStandardPaths::CacheLocation) +
         QStringLiteral("/scratch");
}

}  // namespace

ScratchFolder::ScratchFolder() {
  static const bool kSwept = [] {
    ProcessFolder::left_in(scratch_root());  // deleted at once
    return true;
  }();
  Q_UNUSED(kSwept)
}

ScratchFolder::~ScratchFolder() = default;

QString ScratchFolder::path() {
  if (!folder_) {
    folder_ = std::make_unique<ProcessFolder>(scratch_root());
  }
  return folder_->path();
}

}  // namespace twill::gui
