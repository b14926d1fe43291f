// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// JSON text -> a tree of nlohmann/json, which those who call this include themselves. The library
// parses any depth, but writes, copies and compares a tree by recursion: a field of another kind
// than expected, deep enough, would end the program while its refusal is worded. So depth is
// limited first. Plans and profiles have a reader of their own (plan_io.h).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "twill/plan/json_dump.h"

namespace twill {

inline constexpr std::size_t kMostJsonLevels = 64;  // a safetensors index has 2, our reports 6

// Whether brackets nest deeper than that, texts left out.
bool is_deep_json(std::string_view text);

// Throws Error(kFile) "NAME: line 3, column 7: not JSON: REASON", in one short line. `position`
// counts the bytes read and `what` holds the reason, as the library's parser gives them.
[[noreturn]] void fail_json(std::string_view text, const std::string& name, std::size_t position,
                            std::string_view what);
[[noreturn]] void fail_deep_json(const std::string& name);

// The tree of `text`. Throws Error(kFile) as above, or "NAME: nested deeper than 64"; `name` is
// that of a file, or of a field that holds JSON as text.
template <typename Json>
Json json_tree(std::string_view text, const std::string& name) {
  if (is_deep_json(text)) {
    fail_deep_json(name);
  }
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const typename Json::parse_error& error) {
    fail_json(text, name, error.byte, error.what());
  } catch (const typename Json::exception& error) {  // a number that no double holds
    fail_json(text, name, text.size(), error.what());
  }
}

// As above for what Twill kept and can make again: damaged or too deep, it is_discarded(), which is
// no object, array, number or text.
template <typename Json>
Json kept_json(std::string_view text) {
  return is_deep_json(text) ? Json(Json::value_t::discarded)
                            : Json::parse(text.begin(), text.end(), nullptr, false);
}

// What stands in a field, short enough for a message: "an object", "-1.5", "\"a long te...".
template <typename Json>
std::string json_shown(const Json& value) {
  constexpr std::size_t kMost = 60;
  return value.is_object()  ? "an object"
         : value.is_array() ? "an array"
                            : shortened(json_dump(value), kMost);
}

}  // namespace twill
