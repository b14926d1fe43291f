// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Folders that belong to one process each: what a process that was killed leaves in its own can be
// told from what a living one uses, and found again or swept up.
#pragma once

#include <QString>
#include <memory>
#include <vector>

namespace twill::gui {

// Two entries of `root`: "<name>.lock", locked as long as this lives, and the folder "<name>". The
// system gives the lock back however the process ends, and asks for no process id, which comes back
// in containers, and no host name, which changes.
class ProcessFolder {
 public:
  // Makes both (and `root`) now. Throws Error(kSystem) where they cannot be made.
  explicit ProcessFolder(const QString& root);
  // Removes both.
  ~ProcessFolder();
  ProcessFolder(const ProcessFolder&) = delete;
  ProcessFolder& operator=(const ProcessFolder&) = delete;

  // Those below `root` whose process is no more. They are this process's now: deleting one removes
  // it, release() leaves it to whoever looks next.
  static std::vector<std::unique_ptr<ProcessFolder>> left_in(const QString& root);

  QString name() const { return name_; }
  QString path() const;
  QString file(const QString& name) const;
  // Unlocks and removes nothing.
  void release();

 private:
  ProcessFolder(QString root, QString name, int lock);
  QString lock_file() const;

  QString root_, name_;
  int lock_ = -1;  // descriptor
};

// A folder for files that are of use to this process only, below the user's cache; made at the
// first use. What killed processes left there goes when the first one of a process is made.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  // Throws Error(kSystem) where it cannot be made.
  QString path();

 private:
  std::unique_ptr<ProcessFolder> folder_;
};

}  // namespace twill::gui
