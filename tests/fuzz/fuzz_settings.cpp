// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Texts that people type or keep in files: prompts, a size, a seed, a LoRA.
#include <string>

#include "fuzz.h"
#include "twill/plan/lora_choice.h"
#include "twill/plan/model_families.h"
#include "twill/plan/text.h"
#include "twill/report/clip_settings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = twill::fuzz::text_of(data, size);
  const auto file = twill::fuzz::scratch_file("prompts.txt", text);
  twill::fuzz::read_or_refuse([&] {
    for (const std::string& prompt : twill::report::read_prompts(file)) {
      twill::fuzz::demand(!prompt.empty() && prompt[0] != '#' && twill::is_utf8(prompt) &&
                              prompt.find_first_of("\r\n") == std::string::npos,
                          "a line that is no prompt");
    }
  });
  const std::string_view line = text.substr(0, text.find('\n'));
  twill::fuzz::read_or_refuse([&] {
    twill::report::ClipSettings settings;
    twill::report::parse_size(line, settings);
    twill::report::check_clip_settings(settings);
    for (const twill::ModelFamily& family : twill::model_families()) {
      twill::fuzz::read_or_refuse([&] {
        twill::report::check_clip_settings(settings, family);
        twill::fuzz::demand(*settings.width > 0 && *settings.width % family.width_step() == 0 &&
                                *settings.height > 0 &&
                                *settings.height % family.height_step() == 0,
                            "a size that no clip of the family has");
      });
    }
  });
  twill::fuzz::read_or_refuse([&] {
    const std::uint64_t seed = twill::report::parse_seed(line);
    twill::fuzz::demand(twill::report::parse_seed(std::to_string(seed)) == seed,
                        "a seed that does not read back the same");
  });
  twill::fuzz::read_or_refuse([&] {
    const std::string written = twill::lora_text(twill::parse_lora(line));
    twill::fuzz::demand(twill::lora_text(twill::parse_lora(written)) == written,
                        "a LoRA that does not read back the same");
  });
  return 0;
}
