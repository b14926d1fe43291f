// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Axes, and what is drawn between them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "svg.h"

namespace twill::report::drawing {

// Values to pixels, straight or by their logarithm.
struct Scale {
  double low = 0.0;
  double high = 1.0;
  double pixel_low = 0.0;
  double pixel_high = 1.0;
  bool logarithmic = false;

  double at(double value) const;
  // Round values within low..high, about `count` of them.
  std::vector<double> ticks(int count) const;
};

struct Axis {
  std::string label;  // with the unit
  double low = 0.0;
  double high = 1.0;
  bool logarithmic = false;
  int ticks = 6;
};

struct LegendEntry {
  std::string classes;  // of its swatch
  std::string text;
  bool line = false;  // a line, not a square
};

// A frame with two axes: y upwards. What is added lies over the grid.
class Chart {
 public:
  Chart(double width, double height, const Axis& x, const Axis& y, int legend_rows = 1);

  Svg& svg() { return svg_; }
  const Scale& x() const { return x_; }
  const Scale& y() const { return y_; }
  Point at(double x, double y) const { return {x_.at(x), y_.at(y)}; }
  std::vector<Point> at(const std::vector<double>& xs, const std::vector<double>& ys) const;
  // Above the frame.
  void legend(const std::vector<LegendEntry>& entries);

 private:
  Svg svg_;
  Scale x_;
  Scale y_;
};

// 0 and 1 stand a little inside; a low bound at 0 stays there.
struct Range {
  double low = 0.0;
  double high = 1.0;
};
Range range_of(const std::vector<double>& values, double margin = 0.06);
// Bounds for a logarithmic axis; values of 0 are left out.
Range log_range_of(const std::vector<double>& values);

// Legend entries from (x, y) on, in as many rows as it takes to stay left of `right`.
inline constexpr double kLegendRow = 18.0;
void draw_legend(Svg& svg, double x, double y, double right,
                 const std::vector<LegendEntry>& entries);

}  // namespace twill::report::drawing
