// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/text_hash.h"

namespace twill {

std::uint64_t hash_text(std::string_view text, std::uint64_t seed) {
  for (const char byte : text) {
    seed = (seed ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  }
  return seed;
}

std::string hex(std::uint64_t value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4) {
    *digit = kDigits[value & 15];
  }
  return text;
}

}  // namespace twill
