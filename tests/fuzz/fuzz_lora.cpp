// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A tensor's name in the first line, and behind it what diffusers writes into the header of a LoRA
// file.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>

#include "fuzz.h"
#include "lora_names.h"
#include "lora_scales.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace twill::engine;
  const std::string_view text = twill::fuzz::text_of(data, size);
  const std::string_view name = text.substr(0, text.find('\n'));
  const std::optional<LoraName> read = read_lora_name(name);
  twill::fuzz::demand(
      !read || (!read->module.empty() && name.starts_with(read->module) && is_of_lora(name)),
      "a name that is not made of its parts");
  const std::string_view rest = text.substr(std::min(text.size(), name.size() + 1));
  twill::fuzz::read_or_refuse([&] {
    const LoraScales scales({{"lora_adapter_metadata", std::string(rest)}}, "fuzz.safetensors");
    const std::string_view module = read ? without_lora_prefix(read->module) : name;
    const std::optional<double> scale = scales.scale_of(module, 4, "fuzz.safetensors: tensor");
    twill::fuzz::demand(!scale || std::isfinite(*scale), "a scale that is no number");
  });
  return 0;
}
