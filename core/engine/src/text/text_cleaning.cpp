// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/text_cleaning.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "characters.h"
#include "html_entities.h"
#include "twill/plan/error.h"
#include "twill/plan/text.h"

namespace twill::engine {
namespace {

using Range = CharacterRange;

constexpr std::uint32_t kMostCodePoint = 0x10ffff;
constexpr std::size_t kMostNameCharacters = 32;  // Python's limit

// Numbers that HTML makes nothing of, besides the last two of every plane.
constexpr std::array kNothing{Range{0x01, 0x08}, Range{0x0b, 0x0b}, Range{0x0e, 0x1f},
                              Range{0x7f, 0x9f}, Range{0xfdd0, 0xfdef}};
constexpr std::array kSingleQuotes{Range{0x02bc, 0x02bc}, Range{0x2018, 0x201b}};
constexpr std::array kDoubleQuotes{Range{0x201c, 0x201f}};

void append_utf8(std::string& text, std::uint32_t code) {
  const auto byte = [&](std::uint32_t value) { text += static_cast<char>(value); };
  const auto follow = [&](unsigned shift) { byte(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | code >> 6);
    follow(0);
  } else if (code < 0x10000) {
    byte(0xe0 | code >> 12);
    follow(6);
    follow(0);
  } else {
    byte(0xf0 | code >> 18);
    follow(12);
    follow(6);
    follow(0);
  }
}

using Entities = std::unordered_map<std::string_view, std::string>;

const Entities& entities() {
  static const Entities table = [] {
    Entities made;
    std::string_view rest = kHtmlEntities;
    while (!rest.empty()) {
      const std::size_t length = rest.find('\n');
      std::string_view line = rest.substr(0, length);
      rest.remove_prefix(length == std::string_view::npos ? rest.size() : length + 1);
      if (line.empty() || line.starts_with("# ")) {
        continue;
      }
      std::string& text = made[line.substr(0, line.find(' '))];
      line.remove_prefix(line.find(' '));
      while (!line.empty()) {
        line.remove_prefix(1);
        std::uint32_t code = 0;
        const auto [end, error] = std::from_chars(line.begin(), line.end(), code, 16);
        TWILL_ASSERT(error == std::errc());
        append_utf8(text, code);
        line.remove_prefix(static_cast<std::size_t>(end - line.begin()));
      }
    }
    return made;
  }();
  return table;
}

// The character of "&#NUMBER;".
std::string numbered(std::uint32_t number) {
  const auto found = entities().find(concat("#", number));
  if (found != entities().end()) {
    return found->second;
  }
  std::string text;
  const bool surrogate = number >= 0xd800 && number <= 0xdfff;
  if (surrogate || number > kMostCodePoint) {
    append_utf8(text, kReplacement);
  } else if (!among(kNothing, number) && (number & 0xfffe) != 0xfffe) {
    append_utf8(text, number);
  }
  return text;
}

// A reference at the front of `text`, which begins behind its "&", is read and removed. False when
// there is none.
bool read_number(std::string_view& text, std::string& out) {
  if (!text.starts_with('#')) {
    return false;
  }
  const bool hex = text.size() > 1 && (text[1] == 'x' || text[1] == 'X');
  const std::size_t begin = hex ? 2 : 1;
  const std::size_t end = std::min(
      text.find_first_not_of(hex ? "0123456789abcdefABCDEF" : "0123456789", begin), text.size());
  if (end <= begin) {
    return false;
  }
  std::uint32_t number = 0;
  const auto result =
      std::from_chars(text.data() + begin, text.data() + end, number, hex ? 16 : 10);
  out += numbered(result.ec == std::errc() ? number : kMostCodePoint + 1);
  text.remove_prefix(end + (end < text.size() && text[end] == ';' ? 1 : 0));
  return true;
}

void read_name(std::string_view& text, std::string& out) {
  constexpr std::string_view kEnds = "\t\n\f <&#;";
  std::size_t end = 0;
  for (std::size_t i = 0; i < kMostNameCharacters && end < text.size(); ++i) {
    if (kEnds.find(text[end]) != std::string_view::npos) {
      break;
    }
    end += first_character(text.substr(end)).size();
  }
  end += end > 0 && end < text.size() && text[end] == ';' ? 1 : 0;
  // The longest beginning that is a name: "&notit;" is a "not" sign and "it;".
  for (std::size_t length = end; length > 1; --length) {
    const auto found = entities().find(text.substr(0, length));
    if (found != entities().end()) {
      out += found->second;
      text.remove_prefix(length);
      return;
    }
  }
  out += '&';
}

}  // namespace

std::string unescape_html(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find('&'), text.size());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) {
      break;
    }
    text.remove_prefix(1);
    if (!read_number(text, out)) {
      read_name(text, out);
    }
  }
  return out;
}

std::string clean_prompt(std::string_view prompt) {
  const std::string text = unescape_html(unescape_html(prompt));
  std::string out;
  bool space = false;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view character = first_character(rest);
    rest.remove_prefix(character.size());
    const std::uint32_t code = code_point(character);
    if (is_space(code)) {
      space = true;
      continue;
    }
    out += space && !out.empty() ? " " : "";
    space = false;
    if (among(kSingleQuotes, code)) {
      out += '\'';
    } else if (among(kDoubleQuotes, code)) {
      out += '"';
    } else {
      out += character;
    }
  }
  return out;
}

}  // namespace twill::engine
