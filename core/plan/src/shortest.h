// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <charconv>
#include <string>

namespace twill {

// The shortest decimal that reads back as the same double: 0.1, 1e-06, 3. A zero has no sign, for
// JSON's "-0" is the whole number 0.
inline std::string shortest(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value + 0.0).ptr};
}

}  // namespace twill
