// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/guidance.h"

#include <array>
#include <charconv>

#include "twill/plan/error.h"

namespace twill {
namespace {

double parse_scale(std::string_view scale, std::string_view text) {
  double value = 0.0;
  const auto [end, code] = std::from_chars(scale.data(), scale.data() + scale.size(), value);
  require(
      code == std::errc() && end == scale.data() + scale.size(), ErrorCode::kUsage, "guidance \"",
      text,
      "\" is neither a number nor two with a comma between them, for the expert that begins and "
      "the other one");
  return value;
}

// The shortest text that is read as the same number.
std::string exact_text(double scale) {
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), scale).ptr};
}

}  // namespace

Guidance parse_guidance(std::string_view text) {
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos) {
    return parse_scale(text, text);
  }
  return {parse_scale(text.substr(0, comma), text), parse_scale(text.substr(comma + 1), text)};
}

std::ostream& operator<<(std::ostream& out, const Guidance& guidance) {
  out << exact_text(guidance.first);
  return guidance.second ? out << "," << exact_text(*guidance.second) : out;
}

}  // namespace twill
