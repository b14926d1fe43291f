// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "theme.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "twill/plan/error.h"

namespace twill::report::drawing {
namespace {

struct ThemeColour {
  std::string_view name;
  std::string_view light;
  std::string_view dark;
};

// Series colours are Okabe and Ito's, as the patterns' are; yellow and light blue are too pale for
// lines on white and stay out.
constexpr std::array<ThemeColour, 11> kTheme{{
    {"page", "#f6f7f9", "#15171b"},
    {"card", "#ffffff", "#1d2026"},
    {"ink", "#1b1f27", "#e8eaee"},
    {"soft", "#5c6470", "#a3abb8"},
    {"line", "#d9dde3", "#363b45"},
    {"grid", "#e9ecf0", "#2a2e36"},
    {"blue", "#0072b2", "#56b4e9"},
    {"orange", "#d55e00", "#e69f00"},
    {"green", "#009e73", "#2fc79b"},
    {"pale", "#c4cad3", "#596170"},
    {"wash", "#dcebf5", "#22384a"},
}};

// Cividis (Nunez, Anderton, Renslow 2018, https://doi.org/10.1371/journal.pone.0199239): even in
// lightness, and nearly the same for people who tell fewer colours apart.
constexpr std::array<Colour, 10> kCividis{{
    {0, 34, 78},
    {18, 53, 112},
    {59, 73, 108},
    {87, 93, 109},
    {112, 113, 115},
    {138, 134, 120},
    {165, 156, 116},
    {195, 179, 105},
    {225, 204, 85},
    {254, 232, 56},
}};

Colour cividis(double share) {
  const double at = std::clamp(share, 0.0, 1.0) * (kCividis.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(at), kCividis.size() - 2);
  const double part = at - static_cast<double>(below);
  const auto mix = [&](std::uint8_t a, std::uint8_t b) {
    return static_cast<std::uint8_t>(std::lround(a + part * (b - a)));
  };
  const Colour& a = kCividis[below];
  const Colour& b = kCividis[below + 1];
  return {mix(a.red, b.red), mix(a.green, b.green), mix(a.blue, b.blue)};
}

// Rules with $name where a colour of the theme belongs.
constexpr std::string_view kRules = R"(
svg text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-size:12px;fill:$ink}
svg text.soft{fill:$soft}
svg text.small{font-size:11px;fill:$soft}
svg text.head{font-size:13px;font-weight:600}
svg text.num{font-size:11px;fill:$ink}
.card{fill:$card}
.grid{stroke:$grid;stroke-width:1;fill:none}
.axis{stroke:$line;stroke-width:1;fill:none}
.edge{stroke:$line;stroke-width:1;fill:none}
.mark{stroke:$ink;stroke-width:1.5;fill:none}
.l-blue{stroke:$blue;stroke-width:2;fill:none;stroke-linejoin:round}
.l-orange{stroke:$orange;stroke-width:2;fill:none;stroke-linejoin:round}
.l-green{stroke:$green;stroke-width:2;fill:none;stroke-linejoin:round}
.l-ink{stroke:$ink;stroke-width:2;fill:none;stroke-linejoin:round}
.l-pale{stroke:$pale;stroke-width:1;fill:none;stroke-linejoin:round}
.dash{stroke-dasharray:5 4}
.f-blue{fill:$blue}
.f-orange{fill:$orange}
.f-green{fill:$green}
.f-pale{fill:$pale}
.f-ink{fill:$ink}
.f-wash{fill:$wash}
.none{fill:$grid}
.hit{fill:none;pointer-events:all}
.ring{stroke:$card;stroke-width:2}
)";

template <typename Colours>
std::string with_colours(std::string_view rules, const Colours& colour) {
  std::string text;
  for (std::size_t at = 0; at < rules.size();) {
    if (rules[at] != '$') {
      text += rules[at++];
      continue;
    }
    std::size_t end = at + 1;
    while (end < rules.size() && rules[end] >= 'a' && rules[end] <= 'z') {
      ++end;
    }
    const std::string_view name = rules.substr(at + 1, end - at - 1);
    const auto found = std::find_if(kTheme.begin(), kTheme.end(),
                                    [&](const ThemeColour& one) { return one.name == name; });
    TWILL_ASSERT(found != kTheme.end());
    text += colour(*found);
    at = end;
  }
  return text;
}

template <typename Colours>
std::string rules(const Colours& colour) {
  std::string text = with_colours(kRules, colour);
  for (const auto& [kind, shown] : kPatternColours) {
    const std::string fill = hex_colour(shown);
    text += concat(".", kind_class(kind), "{fill:", fill, "}\n.l", kind_class(kind),
                   "{stroke:", fill, ";stroke-width:2.5;fill:none;stroke-linejoin:round}\n");
  }
  for (int step = 0; step < kScaleSteps; ++step) {
    text += concat(".s", step, "{fill:", hex_colour(cividis(step / (kScaleSteps - 1.0))), "}\n");
  }
  return text;
}

}  // namespace

std::string hex_colour(Colour colour) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "#";
  for (const std::uint8_t value : {colour.red, colour.green, colour.blue}) {
    text += kDigits[value >> 4];
    text += kDigits[value & 15];
  }
  return text;
}

std::string kind_class(PatternKind kind) { return concat("k-", pattern_name(kind)); }

std::string scale_class(double share) {
  const double step = std::floor(std::clamp(share, 0.0, 1.0) * kScaleSteps);
  return concat("s", std::min(static_cast<int>(step), kScaleSteps - 1));
}

std::string drawing_style() {
  return rules([](const ThemeColour& colour) { return std::string(colour.light); });
}

std::string page_drawing_style() {
  std::string light;
  std::string dark;
  for (const ThemeColour& colour : kTheme) {
    light += concat("--", colour.name, ":", colour.light, ";");
    dark += concat("--", colour.name, ":", colour.dark, ";");
  }
  return concat(
      ":root{color-scheme:light dark;", light, "}\n@media (prefers-color-scheme:dark){:root{", dark,
      "}}\n", rules([](const ThemeColour& colour) { return concat("var(--", colour.name, ")"); }));
}

}  // namespace twill::report::drawing
