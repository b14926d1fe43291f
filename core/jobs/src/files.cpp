// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "files.h"

#include "twill/plan/error.h"

namespace twill::jobs {

namespace fs = std::filesystem;

fs::path work_folder(const fs::path& out, const fs::path& work) {
  return work.empty() ? out.parent_path() / concat(out.stem().string(), ".work") : work;
}

fs::path kept_folder(const fs::path& work) { return work / "kept"; }

}  // namespace twill::jobs
