// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Writes SVG and the text of numbers in it.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace twill::report::drawing {

// For element text and attribute values of XML and HTML. Control characters, which XML cannot hold,
// become spaces.
std::string escape(std::string_view text);

// `digits` behind the point.
std::string fixed(double value, int digits);
// Three significant digits without needless zeros; small and large ones as 1.2e-5. "∞" for
// infinity.
std::string short_number(double value);
// "63.2 %".
std::string percent(double share);

struct Attribute {
  std::string_view name;
  std::variant<double, std::string> value;
};
using Attributes = std::initializer_list<Attribute>;

struct Point {
  double x = 0.0;
  double y = 0.0;
};

// Elements in the order they are added. Sizes are in pixels.
class Svg {
 public:
  Svg(double width, double height) : width_(width), height_(height) {}

  // `tip`: what pointing at it shows.
  void add(std::string_view element, Attributes attributes, std::string_view tip = {});
  void rect(double x, double y, double width, double height, std::string_view classes,
            std::string_view tip = {});
  void line(double x1, double y1, double x2, double y2, std::string_view classes);
  void circle(Point centre, double radius, std::string_view classes, std::string_view tip = {});
  void polyline(const std::vector<Point>& points, std::string_view classes,
                std::string_view tip = {});
  void polygon(const std::vector<Point>& points, std::string_view classes,
               std::string_view tip = {});
  // anchor: "start", "middle" or "end". `turn`: degrees about the point.
  void text(double x, double y, std::string_view text, std::string_view anchor = "start",
            std::string_view classes = {}, double turn = 0.0);
  void open_group(Attributes attributes);
  void close_group();

  double width() const { return width_; }
  double height() const { return height_; }
  void set_height(double height) { height_ = height; }
  // `label` is what screen readers say; `style` is a style sheet of its own, or empty.
  // `inner` is drawn with its corner at `corner`.
  std::string finish(std::string_view label, std::string_view style = {},
                     const Svg* inner = nullptr, Point corner = {}) const;

 private:
  double width_;
  double height_;
  std::string body_;
};

// Pixels that a text takes, about: fonts differ.
double text_width(std::string_view text, double font_size = 12.0);

// A drawing with what stands around it on a page.
struct Figure {
  std::string name;   // of its PNG, without the ending
  std::string title;  // what is drawn, in words that screen readers say too
  std::string caption;
  Svg svg{0, 0};
};

}  // namespace twill::report::drawing
