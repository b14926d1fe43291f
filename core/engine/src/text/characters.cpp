// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "characters.h"

namespace twill::engine {
namespace {

using Range = CharacterRange;

constexpr std::array kSpaces{Range{0x09, 0x0d},     Range{0x1c, 0x20},     Range{0x85, 0x85},
                             Range{0xa0, 0xa0},     Range{0x1680, 0x1680}, Range{0x2000, 0x200a},
                             Range{0x2028, 0x2029}, Range{0x202f, 0x202f}, Range{0x205f, 0x205f},
                             Range{0x3000, 0x3000}};
// The zeros of all scripts; 1 to 9 follow each.
constexpr std::array<std::uint32_t, 66> kZeros{
    0x30,    0x660,   0x6f0,   0x7c0,   0x966,   0x9e6,   0xa66,   0xae6,   0xb66,   0xbe6,
    0xc66,   0xce6,   0xd66,   0xde6,   0xe50,   0xed0,   0xf20,   0x1040,  0x1090,  0x17e0,
    0x1810,  0x1946,  0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,
    0xa8d0,  0xa900,  0xa9d0,  0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066,
    0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0,
    0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2,
    0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0};

}  // namespace

std::uint32_t code_point(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character.front());
  if (lead < 0x80) {
    return lead;
  }
  if (character.size() == 1) {
    return kReplacement;
  }
  std::uint32_t code = lead & (0x7fu >> character.size());
  for (const char c : character.substr(1)) {
    code = code << 6 | (static_cast<unsigned char>(c) & 0x3f);
  }
  return code;
}

bool is_space(std::uint32_t code) { return among(kSpaces, code); }

std::optional<int> decimal(std::uint32_t code) {
  const auto* const after = std::ranges::upper_bound(kZeros, code);
  if (after == kZeros.begin() || code - *(after - 1) > 9) {
    return std::nullopt;
  }
  return static_cast<int>(code - *(after - 1));
}

}  // namespace twill::engine
