// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// ComfyUI's extra_model_paths.yaml: every folder that is read is absolute.
#include "fuzz.h"
#include "twill/jobs/model_paths.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file =
      twill::fuzz::scratch_file("extra_model_paths.yaml", twill::fuzz::text_of(data, size));
  twill::fuzz::read_or_refuse([&] {
    for (const auto& [kind, folders] : twill::jobs::read_extra_model_paths(file)) {
      for (const auto& folder : folders) {
        twill::fuzz::demand(folder.is_absolute(), "a folder that depends on where we run");
      }
    }
  });
  return 0;
}
