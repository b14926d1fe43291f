// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/base64.h"

#include <algorithm>
#include <array>

namespace twill {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 64;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<std::uint8_t>(kDigits[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}
constexpr std::array<std::uint8_t, 256> kValues = make_values();

}  // namespace

std::string to_base64(std::span<const std::uint8_t> bytes) {
  std::string text;
  text.reserve(base64_length(bytes.size()));
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < count ? bytes[i + j] : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= count ? kDigits[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return text;
}

bool from_base64(std::string_view text, std::span<std::uint8_t> bytes) {
  if (text.size() != base64_length(bytes.size())) {
    return false;
  }
  for (std::size_t i = 0, at = 0; at < text.size(); i += 3, at += 4) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const char digit = text[at + j];
      const std::uint8_t value = j <= count
                                     ? kValues[static_cast<std::uint8_t>(digit)]
                                     : static_cast<std::uint8_t>(digit == '=' ? 0 : kNoDigit);
      if (value == kNoDigit) {
        return false;
      }
      group = group << 6 | value;
    }
    // Bits that no byte takes must be 0, or two texts would hold the same bytes.
    if ((group & ((1U << (24 - 8 * count)) - 1)) != 0) {
      return false;
    }
    for (std::size_t j = 0; j < count; ++j) {
      bytes[i + j] = static_cast<std::uint8_t>(group >> (16 - 8 * j));
    }
  }
  return true;
}

}  // namespace twill
