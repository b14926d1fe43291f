// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A cleaned prompt has no white space at its ends or twice in a row. A prompt that is read by its
// weights keeps all letters but brackets, numbers and backslashes.
#include <cmath>
#include <string>

#include "fuzz.h"
#include "twill/engine/prompt.h"
#include "twill/engine/text_cleaning.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string clean = twill::engine::clean_prompt(twill::fuzz::text_of(data, size));
  twill::fuzz::demand(!clean.starts_with(' ') && !clean.ends_with(' '), "white space at an end");
  twill::fuzz::demand(clean.find("  ") == std::string::npos, "white space twice in a row");
  twill::fuzz::demand(clean.find_first_of("\t\n\v\f\r") == std::string::npos, "a line end");
  // A few names, such as "&nGt;", are shorter than their characters.
  twill::fuzz::demand(clean.size() <= 2 * size + 2, "a prompt that has grown");
  const std::string_view text = twill::fuzz::text_of(data, size);
  for (const auto& named : twill::kPromptWeightsNames) {
    twill::fuzz::read_or_refuse([&] {
      const twill::engine::Prompt prompt = twill::engine::read_prompt(text, named.first).prompt;
      std::size_t at = 0;
      for (const twill::engine::WeightedText& part : prompt.parts) {
        twill::fuzz::demand(std::abs(part.weight) <= twill::engine::kMostPromptWeight,
                            "a weight beyond the limit");
        for (const char c : part.text) {
          at = text.find(c, at);
          twill::fuzz::demand(at < text.size(), "a letter that the prompt has not");
          ++at;
        }
      }
    });
  }
  return 0;
}
