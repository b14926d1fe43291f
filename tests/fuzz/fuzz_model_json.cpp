// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A model.json that is taken names files inside its folder, and a clip that can be made.
#include <algorithm>
#include <vector>

#include "fuzz.h"
#include "twill/engine/model_description.h"

namespace {

void inside(const std::filesystem::path& file) {
  const auto relative = file.lexically_relative(twill::fuzz::scratch_folder());
  twill::fuzz::demand(!relative.empty() && relative.is_relative() &&
                          std::find(relative.begin(), relative.end(), "..") == relative.end(),
                      "a weight file outside the model's folder");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  twill::fuzz::scratch_file("model.json", twill::fuzz::text_of(data, size));
  const std::filesystem::path& folder = twill::fuzz::scratch_folder();
  twill::fuzz::read_or_refuse([&] {
    const auto model = twill::engine::describe_model_folder(folder);
    std::vector<std::filesystem::path> files = model.files();
    files.push_back(model.tokenizer.empty() ? model.text : model.tokenizer);
    for (const std::filesystem::path& file : files) {
      inside(file);
    }
    twill::fuzz::demand(model.defaults.steps > 0 && model.defaults.size.frames > 0,
                        "a default that makes no clip");
  });
  return 0;
}
