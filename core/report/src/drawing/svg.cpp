// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "svg.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "twill/plan/error.h"
#include "twill/plan/text.h"

namespace twill::report::drawing {
namespace {

// A hundredth of a pixel is finer than any screen.
std::string coordinate(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  std::string shortened(text);
  shortened.erase(shortened.find_last_not_of('0') + 1);
  if (shortened.back() == '.') {
    shortened.pop_back();
  }
  return shortened == "-0" ? "0" : shortened;
}

std::string join(const std::vector<Point>& points) {
  std::string text;
  for (const Point& point : points) {
    text += concat(text.empty() ? "" : " ", coordinate(point.x), ",", coordinate(point.y));
  }
  return text;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    }
  }
  return escaped;
}

std::string fixed(double value, int digits) {
  if (!std::isfinite(value)) {
    return value > 0 ? "∞" : "-∞";
  }
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string short_number(double value) {
  const double size = std::abs(value);
  if (value == 0.0) {
    return "0";
  }
  if (!std::isfinite(value)) {
    return fixed(value, 0);
  }
  constexpr double kSmall = 1e-3;
  constexpr double kLarge = 1e6;
  if (size < kSmall || size >= kLarge) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1e", value);
    std::string shortened(text);
    // 1.0e-05 -> 1e-5
    if (const std::size_t zero = shortened.find(".0e"); zero != std::string::npos) {
      shortened.erase(zero, 2);
    }
    const std::size_t sign = shortened.find('e') + 1;
    const std::size_t digits = sign + 1;
    while (shortened.size() > digits + 1 && shortened[digits] == '0') {
      shortened.erase(digits, 1);
    }
    if (shortened[sign] == '+') {
      shortened.erase(sign, 1);
    }
    return shortened;
  }
  const int before = std::max(0, static_cast<int>(std::floor(std::log10(size))));
  const int leading = size < 1.0 ? -static_cast<int>(std::floor(std::log10(size))) - 1 : 0;
  std::string text = fixed(value, std::max(0, 2 - before + leading + (size < 1.0 ? 1 : 0)));
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') {
      text.pop_back();
    }
  }
  return text;
}

std::string percent(double share) { return fixed(100.0 * share, 1) + " %"; }

double text_width(std::string_view text, double font_size) {
  // Of the font size, as the usual sans-serif faces have it.
  constexpr std::string_view kNarrow = "iljtfrI.,:;|!()[]' ";
  constexpr std::string_view kBroad = "mwMW%";
  double width = 0.0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xc0) == 0x80) {
      continue;  // a later byte of a letter in UTF-8
    }
    width += kNarrow.find(c) != std::string_view::npos  ? 0.34
             : kBroad.find(c) != std::string_view::npos ? 0.88
                                                        : 0.6;
  }
  return width * font_size;
}

void Svg::add(std::string_view element, Attributes attributes, std::string_view tip) {
  body_ += concat("<", element);
  for (const Attribute& attribute : attributes) {
    const auto* number = std::get_if<double>(&attribute.value);
    body_ += concat(
        " ", attribute.name, "=\"",
        number != nullptr ? coordinate(*number) : escape(std::get<std::string>(attribute.value)),
        "\"");
  }
  body_ += tip.empty() ? "/>" : concat("><title>", escape(tip), "</title></", element, ">");
  body_ += "\n";
}

void Svg::rect(double x, double y, double width, double height, std::string_view classes,
               std::string_view tip) {
  add("rect",
      {{"x", x},
       {"y", y},
       {"width", std::max(0.0, width)},
       {"height", std::max(0.0, height)},
       {"class", std::string(classes)}},
      tip);
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view classes) {
  add("line", {{"x1", x1}, {"y1", y1}, {"x2", x2}, {"y2", y2}, {"class", std::string(classes)}});
}

void Svg::circle(Point centre, double radius, std::string_view classes, std::string_view tip) {
  add("circle",
      {{"cx", centre.x}, {"cy", centre.y}, {"r", radius}, {"class", std::string(classes)}}, tip);
}

void Svg::polyline(const std::vector<Point>& points, std::string_view classes,
                   std::string_view tip) {
  add("polyline", {{"points", join(points)}, {"class", std::string(classes)}}, tip);
}

void Svg::polygon(const std::vector<Point>& points, std::string_view classes,
                  std::string_view tip) {
  add("polygon", {{"points", join(points)}, {"class", std::string(classes)}}, tip);
}

void Svg::text(double x, double y, std::string_view text, std::string_view anchor,
               std::string_view classes, double turn) {
  body_ += concat("<text x=\"", coordinate(x), "\" y=\"", coordinate(y), "\" text-anchor=\"",
                  anchor, "\"");
  if (!classes.empty()) {
    body_ += concat(" class=\"", classes, "\"");
  }
  if (turn != 0.0) {
    body_ += concat(" transform=\"rotate(", coordinate(turn), " ", coordinate(x), " ",
                    coordinate(y), ")\"");
  }
  body_ += concat(">", escape(text), "</text>\n");
}

void Svg::open_group(Attributes attributes) {
  body_ += "<g";
  for (const Attribute& attribute : attributes) {
    const auto* number = std::get_if<double>(&attribute.value);
    body_ += concat(
        " ", attribute.name, "=\"",
        number != nullptr ? coordinate(*number) : escape(std::get<std::string>(attribute.value)),
        "\"");
  }
  body_ += ">\n";
}

void Svg::close_group() { body_ += "</g>\n"; }

std::string Svg::finish(std::string_view label, std::string_view style, const Svg* inner,
                        Point corner) const {
  std::string text =
      concat("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", coordinate(width_), " ",
             coordinate(height_), "\" width=\"", coordinate(width_), "\" height=\"",
             coordinate(height_), "\" role=\"img\" aria-label=\"", escape(label), "\">\n");
  if (!style.empty()) {
    text += concat("<style>", style, "</style>\n<rect width=\"100%\" height=\"100%\" ",
                   "class=\"card\"/>\n");
  }
  text += body_;
  if (inner != nullptr) {
    text += concat("<g transform=\"translate(", coordinate(corner.x), " ", coordinate(corner.y),
                   ")\">\n", inner->body_, "</g>\n");
  }
  return text + "</svg>\n";
}

}  // namespace twill::report::drawing
