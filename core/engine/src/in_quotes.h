// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Text of a file from outside, for a message.
#pragma once

#include <string>
#include <string_view>

#include "twill/plan/error.h"
#include "twill/plan/text.h"

namespace twill::engine {

inline std::string in_quotes(std::string_view text) {
  constexpr std::size_t kMost = 80;
  return concat('"', one_line(shortened(text, kMost)), '"');
}

}  // namespace twill::engine
