// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A cleaned prompt has no white space at its ends or twice in a row.
#include <string>

#include "fuzz.h"
#include "twill/engine/text_cleaning.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string clean = twill::engine::clean_prompt(twill::fuzz::text_of(data, size));
  twill::fuzz::demand(!clean.starts_with(' ') && !clean.ends_with(' '), "white space at an end");
  twill::fuzz::demand(clean.find("  ") == std::string::npos, "white space twice in a row");
  twill::fuzz::demand(clean.find_first_of("\t\n\v\f\r") == std::string::npos, "a line end");
  // A few names, such as "&nGt;", are shorter than their characters.
  twill::fuzz::demand(clean.size() <= 2 * size + 2, "a prompt that has grown");
  return 0;
}
