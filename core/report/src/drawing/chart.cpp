// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "chart.h"

#include <algorithm>
#include <cmath>

namespace twill::report::drawing {
namespace {

constexpr double kLeft = 64.0;  // room for numbers and the label of y
constexpr double kRight = 18.0;
constexpr double kTop = 34.0;  // for the legend
constexpr double kBottom = 46.0;

// 1, 2 or 5 times a power of ten, so that about `count` fit into `span`.
double round_step(double span, int count) {
  const double raw = span / std::max(1, count);
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * power * 1.0001) {
      return factor * power;
    }
  }
  return 10.0 * power;
}

}  // namespace

double Scale::at(double value) const {
  const double share =
      logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
  return pixel_low + share * (pixel_high - pixel_low);
}

std::vector<double> Scale::ticks(int count) const {
  std::vector<double> found;
  if (count < 1) {
    return found;
  }
  constexpr double kSlack = 1e-9;
  if (!logarithmic) {
    const double first = std::min(low, high);
    const double last = std::max(low, high);
    const double step = round_step(last - first, count);
    for (double i = std::ceil(first / step - kSlack); i * step <= last + kSlack * step; ++i) {
      found.push_back(i * step);
    }
    return found;
  }
  // Powers of ten, with 2 and 5 between them where that is few.
  const double decades = std::log10(high / low);
  const std::vector<double> factors =
      decades < 2.5 ? std::vector<double>{1.0, 2.0, 5.0} : std::vector<double>{1.0};
  for (double power = std::floor(std::log10(low)); power <= std::ceil(std::log10(high)); ++power) {
    for (const double factor : factors) {
      const double value = factor * std::pow(10.0, power);
      if (value >= low * (1 - kSlack) && value <= high * (1 + kSlack)) {
        found.push_back(value);
      }
    }
  }
  return found;
}

Chart::Chart(double width, double height, const Axis& x, const Axis& y, int legend_rows)
    : svg_(width, height),
      x_{x.low, x.high, kLeft, width - kRight, x.logarithmic},
      y_{y.low, y.high, height - kBottom, kTop + kLegendRow * (legend_rows - 1), y.logarithmic} {
  for (const double tick : y_.ticks(y.ticks)) {
    svg_.line(kLeft, y_.at(tick), width - kRight, y_.at(tick), "grid");
    svg_.text(kLeft - 8, y_.at(tick) + 4, short_number(tick), "end", "small");
  }
  for (const double tick : x_.ticks(x.ticks)) {
    svg_.line(x_.at(tick), height - kBottom, x_.at(tick), height - kBottom + 4, "axis");
    svg_.text(x_.at(tick), height - kBottom + 18, short_number(tick), "middle", "small");
  }
  svg_.line(kLeft, height - kBottom, width - kRight, height - kBottom, "axis");
  svg_.text((kLeft + width - kRight) / 2, height - 8, x.label, "middle", "soft");
  svg_.text(16, (y_.pixel_low + y_.pixel_high) / 2, y.label, "middle", "soft", -90);
}

std::vector<Point> Chart::at(const std::vector<double>& xs, const std::vector<double>& ys) const {
  std::vector<Point> points;
  for (std::size_t i = 0; i < xs.size() && i < ys.size(); ++i) {
    points.push_back(at(xs[i], ys[i]));
  }
  return points;
}

void Chart::legend(const std::vector<LegendEntry>& entries) {
  draw_legend(svg_, kLeft, 16, x_.pixel_high + kRight, entries);
}

void draw_legend(Svg& svg, double x, double y, double right,
                 const std::vector<LegendEntry>& entries) {
  const double left = x;
  for (const LegendEntry& entry : entries) {
    const double width = 24 + text_width(entry.text);
    if (x > left && x + width > right) {
      x = left;
      y += kLegendRow;
    }
    if (entry.line) {
      svg.line(x, y - 4, x + 18, y - 4, entry.classes);
    } else {
      svg.rect(x + 3, y - 10, 12, 12, entry.classes);
    }
    svg.text(x + 24, y, entry.text);
    x += width + 14;
  }
}

Range range_of(const std::vector<double>& values, double margin) {
  Range range{1.0, 0.0};
  bool any = false;
  for (const double value : values) {
    if (std::isfinite(value)) {
      range = any ? Range{std::min(range.low, value), std::max(range.high, value)}
                  : Range{value, value};
      any = true;
    }
  }
  if (!any) {
    return {0.0, 1.0};
  }
  const double span =
      range.high > range.low ? range.high - range.low : std::max(1e-12, std::abs(range.high));
  return {range.low == 0.0 ? 0.0 : range.low - margin * span, range.high + margin * span};
}

Range log_range_of(const std::vector<double>& values) {
  Range range{0.0, 0.0};
  for (const double value : values) {
    if (value > 0.0 && std::isfinite(value)) {
      range.low = range.low == 0.0 ? value : std::min(range.low, value);
      range.high = std::max(range.high, value);
    }
  }
  if (range.high == 0.0) {
    return {0.1, 1.0};
  }
  constexpr double kMargin = 1.25;
  return {range.low / kMargin, range.high * kMargin};
}

}  // namespace twill::report::drawing
