// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "files.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <system_error>
#include <vector>

#include "twill/plan/error.h"

namespace twill::jobs {

namespace fs = std::filesystem;

fs::path work_folder(const fs::path& out, const fs::path& work) {
  return work.empty() ? out.parent_path() / concat(out.stem().string(), ".work") : work;
}

fs::path kept_folder(const fs::path& work) { return work / "kept"; }

fs::path cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return fs::path(value == nullptr ? "" : value);
  };
  if (const fs::path cache = variable("XDG_CACHE_HOME"); cache.is_absolute()) {
    return cache / "twill";
  }
  const fs::path home = variable("HOME");
  return home.is_absolute() ? home / ".cache" / "twill" : fs::path();
}

void remove_oldest(const fs::path& folder, const fs::path& ending, std::int64_t most_bytes) {
  struct Kept {
    fs::file_time_type used;
    std::int64_t bytes;
    fs::path file;
  };
  std::vector<Kept> all;
  std::error_code code;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, code)) {
    if (entry.path().extension() == ending && entry.is_regular_file(code)) {
      all.push_back({.used = entry.last_write_time(code),
                     .bytes = static_cast<std::int64_t>(entry.file_size(code)),
                     .file = entry.path()});
    }
  }
  std::ranges::sort(all, std::ranges::greater(), &Kept::used);
  std::int64_t bytes = 0;
  for (const Kept& kept : all) {
    bytes += kept.bytes;
    if (bytes > most_bytes) {
      fs::remove(kept.file, code);
    }
  }
}

}  // namespace twill::jobs
