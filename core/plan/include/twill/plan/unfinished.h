// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Files and folders that are written under another name beside their place and take it when they
// are whole. The other name is ".<name>.<16 random hexadecimal digits>.twill-part": no two runs
// share one, whatever their process ids are. It is locked (flock) while its writer lives; what
// nobody locks was left by a killed run, and goes when something is next written into that folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace twill {

// Where a name leads: links are followed, also those to files that are not there yet, and slashes
// at the end are dropped. Throws Error(kSystem) for links that lead in a circle.
std::filesystem::path place_of(const std::filesystem::path& path);

// What an unfinished file and an unfinished folder share: the name, its lock, and that it is gone
// with all in it unless it was finished.
class Unfinished {
 public:
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;

  virtual ~Unfinished();

  // Where to write until it is finished.
  const std::filesystem::path& path() const { return path_; }
  // Puts it in its place. Throws Error(kSystem) naming the file that was asked for.
  virtual void finish() = 0;

 protected:
  explicit Unfinished(const std::filesystem::path& named);

  [[noreturn]] void fail() const;  // with errno, naming the file that was asked for
  bool lock() const;               // false: swept before it was locked
  std::filesystem::path named_;    // as the caller named it, for messages
  std::filesystem::path place_;    // place_of(named_)
  std::filesystem::path path_;     // empty: nothing is left to remove
  int descriptor_ = -1;            // holds the lock
};

class UnfinishedFile : public Unfinished {
 public:
  // Makes an empty file beside `file`, with the mode that the umask leaves. Throws Error(kSystem)
  // naming `file` and the reason, as the other functions do.
  explicit UnfinishedFile(const std::filesystem::path& file);

  void write(std::string_view bytes);  // behind what write() wrote before
  // In one step, after a sync. Whoever else wrote into path() has closed it.
  void finish() override;
};

class UnfinishedFolder : public Unfinished {
 public:
  explicit UnfinishedFolder(const std::filesystem::path& folder);

  // A file in it. Throws Error(kSystem) naming the folder that was asked for.
  void add(const std::string& name, std::string_view bytes) const;
  // A folder that stands there is then gone: in one step where the file system can exchange two
  // names, else in two, and a run that is killed between them leaves a state that sweep_unfinished
  // completes.
  void finish() override;
};

// Removes what killed runs left in `folder`, and completes what they had all but finished. Every
// unfinished file and folder begins with it.
void sweep_unfinished(const std::filesystem::path& folder);

}  // namespace twill
