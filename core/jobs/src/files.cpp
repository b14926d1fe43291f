// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "files.h"

#include <cstdlib>

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

}  // namespace twill::jobs
