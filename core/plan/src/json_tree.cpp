// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/json_tree.h"

#include <algorithm>

#include "twill/plan/error.h"

namespace twill {

// Brackets that do not match count too: that is for the parser to say.
bool is_deep_json(std::string_view text) {
  std::size_t levels = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text) {
      i += c == '\\' ? 1 : 0;
      in_text = c != '"';
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      if (++levels > kMostJsonLevels) {
        return true;
      }
    } else if ((c == '}' || c == ']') && levels > 0) {
      --levels;
    }
  }
  return false;
}

void fail_deep_json(const std::string& name) {
  throw Error(ErrorCode::kFile, concat(name, ": nested deeper than ", kMostJsonLevels));
}

void fail_json(std::string_view text, const std::string& name, std::size_t position,
               std::string_view what) {
  const std::string_view before = text.substr(0, position > 0 ? position - 1 : 0);
  const std::size_t line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t column = before.size() - (before.rfind('\n') + 1) + 1;
  // The library's words without its own position. They hold the whole token, which may be as long
  // as the file.
  constexpr std::size_t kMostReason = 160;
  for (const std::string_view mark : {"syntax error while parsing ", "] "}) {
    if (const std::size_t at = what.find(mark); at != std::string_view::npos) {
      what.remove_prefix(at + mark.size());
      break;
    }
  }
  std::string reason(what);
  std::replace_if(
      reason.begin(), reason.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
  throw Error(ErrorCode::kFile, concat(name, ": line ", line, ", column ", column,
                                       ": not JSON: ", shortened(reason, kMostReason)));
}

}  // namespace twill
