// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The JSON files of a pipeline as diffusers saves it, one after another with lines of --- between
// them: what is taken names files inside its folder, and a clip that can be made.
#include <array>
#include <string_view>

#include "fuzz.h"
#include "twill/engine/model_description.h"

namespace {

constexpr std::array kRead{"model_index.json",
                           "transformer/config.json",
                           "vae/config.json",
                           "scheduler/scheduler_config.json",
                           "transformer_2/config.json",
                           "image_encoder/config.json",
                           "image_processor/preprocessor_config.json"};
// Only looked for.
constexpr std::array kBeside{"transformer/diffusion_pytorch_model.safetensors",
                             "transformer_2/diffusion_pytorch_model.safetensors",
                             "vae/diffusion_pytorch_model.safetensors",
                             "text_encoder/model.safetensors",
                             "image_encoder/model.safetensors",
                             "tokenizer/spiece.model"};

void begin() {
  for (const char* name : kBeside) {
    std::filesystem::create_directories((twill::fuzz::scratch_folder() / name).parent_path());
    twill::fuzz::scratch_file(name, "");
  }
  for (const char* name : {"scheduler", "image_processor"}) {
    std::filesystem::create_directories(twill::fuzz::scratch_folder() / name);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool begun = (begin(), true);
  twill::fuzz::demand(begun, "the folders");
  constexpr std::string_view kBetween = "\n---\n";
  std::string_view rest = twill::fuzz::text_of(data, size);
  for (const char* name : kRead) {
    const std::size_t end = rest.find(kBetween);
    twill::fuzz::scratch_file(name, rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + kBetween.size());
  }
  twill::fuzz::read_or_refuse([&] {
    const auto model = twill::engine::describe_model_folder(twill::fuzz::scratch_folder());
    twill::fuzz::demand(model.networks.size() == model.family->experts.size() &&
                            model.heads.size() == model.networks.size(),
                        "an expert without a network");
    const bool sees = model.family->image && model.family->image->encoder;
    twill::fuzz::demand(sees == !model.image_encoder.empty() && sees == (model.image_heads > 0),
                        "a model that sees pictures without an encoder");
    twill::fuzz::demand(
        model.defaults.steps > 0 && model.defaults.size.frames > 0 && model.defaults.shift > 0,
        "a default that makes no clip");
  });
  return 0;
}
