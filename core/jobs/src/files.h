// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Where jobs keep their files, and short names for what a file or a text holds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace twill::jobs {

// A name in the same folder that no other process uses; with the same ending, which some writers
// look at.
std::filesystem::path temporary_beside(const std::filesystem::path& file);

// A file or folder that is gone, with all in it, when this is; unless it was renamed.
class TemporaryPath {
 public:
  explicit TemporaryPath(std::filesystem::path path) : path_(std::move(path)) {}
  ~TemporaryPath();
  TemporaryPath(const TemporaryPath&) = delete;
  TemporaryPath& operator=(const TemporaryPath&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// What a job keeps so that it can go on: `work`, or when that is empty "<out>.work" beside `out`.
std::filesystem::path work_folder(const std::filesystem::path& out,
                                  const std::filesystem::path& work);

// FNV-1a, 64 bit: names, not security.
std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0xcbf29ce484222325u);
std::string hex(std::uint64_t value);

// Changes when the file does: its size and bytes; of files over 64 MB, of 256 blocks spread over
// them.
std::uint64_t hash_file(const std::filesystem::path& file);

}  // namespace twill::jobs
