// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Tables of values and their names, which stand beside their enum, and how they are read.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "twill/plan/error.h"

namespace twill {

template <typename Value, std::size_t count>
using NameTable = std::array<std::pair<Value, std::string_view>, count>;

// Where a value stands in its table, which has all of them.
template <typename Value, std::size_t count>
std::size_t index_in(const NameTable<Value, count>& names, Value value) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [value](const auto& entry) { return entry.first == value; });
  TWILL_ASSERT(found != names.end());
  return static_cast<std::size_t>(found - names.begin());
}

template <typename Value, std::size_t count>
std::string_view name_in(const NameTable<Value, count>& names, Value value) {
  return names[index_in(names, value)].second;
}

// Empty when no value has the name.
template <typename Value, std::size_t count>
std::optional<Value> value_named(const NameTable<Value, count>& names, std::string_view name) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [name](const auto& entry) { return entry.second == name; });
  return found == names.end() ? std::nullopt : std::optional(found->first);
}

// "a, b, c"
template <typename Value, std::size_t count>
std::string all_names(const NameTable<Value, count>& names, std::string_view between = ", ") {
  std::string text;
  for (const auto& [value, name] : names) {
    text += concat(text.empty() ? "" : between, name);
  }
  return text;
}

}  // namespace twill
