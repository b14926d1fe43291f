// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What Python knows of characters.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace twill::engine {

struct CharacterRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

template <std::size_t count>
bool among(const std::array<CharacterRange, count>& ranges, std::uint32_t code) {
  return std::ranges::any_of(
      ranges, [&](const auto& range) { return range.first <= code && code <= range.last; });
}

inline constexpr std::uint32_t kReplacement = 0xfffd;

// Of one character of UTF-8; kReplacement for a byte that belongs to none.
std::uint32_t code_point(std::string_view character);

bool is_space(std::uint32_t code);               // str.isspace()
std::optional<int> decimal(std::uint32_t code);  // unicodedata.decimal(), of Unicode 14

}  // namespace twill::engine
