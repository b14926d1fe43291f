// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// SentencePiece models written by hand, field by field.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace twill::engine::testing {

// A field of bytes, of fewer than 2^21 of them.
inline std::string message(int number, const std::string& bytes) {
  std::string field(1, static_cast<char>(number << 3 | 2));
  std::size_t left = bytes.size();
  do {
    field += static_cast<char>((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>= 7;
  } while (left > 0);
  return field + bytes;
}

// type: 1 normal, 2 unknown, 3 control, 4 user-defined.
inline std::string piece(const std::string& text, float score, int type = 1) {
  std::string bytes = message(1, text) + '\x15' + std::string(4, '\0');
  std::memcpy(bytes.data() + bytes.size() - 4, &score, 4);
  return message(1, bytes + '\x18' + static_cast<char>(type));
}

// 0 padding, 1 end and 2 unknown as UMT5 has them, then the space, "a" and "b".
inline std::string small_sentence_piece() {
  return piece("<pad>", 0.0f, 3) + piece("</s>", 0.0f, 3) + piece("<unk>", 0.0f, 2) +
         piece("\xe2\x96\x81", -1.0f) + piece("a", -2.0f) + piece("b", -3.0f);
}

// Units of a double array: one that `label` leads to, whose children stand at its own number ^
// offset; and a leaf.
inline std::uint32_t link(char label, std::uint32_t offset) {
  return offset << 10 | static_cast<unsigned char>(label);
}
inline std::uint32_t leaf(std::uint32_t value) { return 0x80000000u | value; }

inline std::string charsmap(const std::vector<std::uint32_t>& units, const std::string& texts) {
  const auto bytes = static_cast<std::uint32_t>(units.size() * 4);
  std::string map(4 + bytes, '\0');
  std::memcpy(map.data(), &bytes, 4);
  std::memcpy(map.data() + 4, units.data(), bytes);
  return map + texts;
}

}  // namespace twill::engine::testing
