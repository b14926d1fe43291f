// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "heads_map.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "chart.h"
#include "theme.h"
#include "twill/plan/error.h"
#include "twill/plan/text.h"

namespace twill::report::drawing {
namespace {

constexpr double kWidth = 1080.0;
constexpr double kLeft = 128.0;  // names of rows and numbers of layers
constexpr double kGap = 18.0;    // between panels

// Where the cells of one expert stand: stacks below each other, a head a column.
class Grid {
 public:
  Grid(const ModelShape& model, std::size_t panels, double most_cell_height = 16.0)
      : model_(model) {
    std::int32_t columns = 1;
    for (const StackShape& stack : model.stacks) {
      columns = std::max(columns, stack.heads);
      rows_ += stack.layers;
    }
    const double panel = (kWidth - kLeft - kGap * (static_cast<double>(panels) - 1) - 8) /
                         static_cast<double>(panels);
    cell_width_ = std::clamp(std::floor(panel / columns * 2) / 2, 2.0, 44.0);
    cell_height_ = std::clamp(std::floor(560.0 / rows_), 4.0, most_cell_height);
    columns_ = columns;
  }

  double width() const { return columns_ * cell_width_; }
  double height() const { return rows_ * cell_height_; }
  double cell_width() const { return cell_width_; }
  double cell_height() const { return cell_height_; }
  double left(std::size_t panel) const {
    return kLeft + static_cast<double>(panel) * (width() + kGap);
  }

  // Calls visit(head_index, x, y) with the corner of each cell in a panel at (0, 0).
  void each(const std::function<void(std::size_t, double, double)>& visit) const {
    std::size_t head = 0;
    std::int32_t row = 0;
    for (const StackShape& stack : model_.stacks) {
      for (std::int32_t layer = 0; layer < stack.layers; ++layer, ++row) {
        for (std::int32_t column = 0; column < stack.heads; ++column, ++head) {
          visit(head, column * cell_width_, row * cell_height_);
        }
      }
    }
  }

  // Numbers of layers to the left, as many as fit.
  void label_rows(Svg& svg, double top) const {
    const auto every = std::max(1, static_cast<int>(std::ceil(12.0 / cell_height_)));
    std::int32_t row = 0;
    for (const StackShape& stack : model_.stacks) {
      for (std::int32_t layer = 0; layer < stack.layers; ++layer, ++row) {
        if (layer % every == 0) {
          const std::string name =
              model_.stacks.size() > 1 ? concat(first_character(stack.name), layer) : concat(layer);
          svg.text(kLeft - 7, top + row * cell_height_ + cell_height_ / 2 + 4, name, "end",
                   "small");
        }
      }
    }
  }

 private:
  const ModelShape& model_;
  double cell_width_ = 0.0;
  double cell_height_ = 0.0;
  std::int32_t rows_ = 0;
  std::int32_t columns_ = 1;
};

// Cells of one class are one path: a plan of thousands of heads stays small.
class Cells {
 public:
  void add(const std::string& classes, double x, double y, double width, double height) {
    paths_[classes] += concat("M", x, " ", y, "h", width, "v", height, "h-", width, "z");
  }
  void draw(Svg& svg) const {
    for (const auto& [classes, path] : paths_) {
      svg.add("path", {{"d", path}, {"class", classes}});
    }
  }

 private:
  std::map<std::string, std::string> paths_;
};

void draw_panel(Svg& svg, const Grid& grid, double x, double y,
                const std::function<std::string(std::size_t)>& class_of) {
  Cells cells;
  const double line = grid.cell_width() >= 6 && grid.cell_height() >= 6 ? 1.0 : 0.0;
  grid.each([&](std::size_t head, double cell_x, double cell_y) {
    cells.add(class_of(head), x + cell_x, y + cell_y, grid.cell_width() - line,
              grid.cell_height() - line);
  });
  cells.draw(svg);
}

std::string t_text(double begin, double end) {
  return concat("t ", short_number(end), " to ", short_number(begin));
}

// How values become colours. By the square root where most are small, by the logarithm where they
// span decades.
enum class Shade { kRoot, kLogarithm };

struct Measure {
  std::string name;
  std::string unit;
  double (*value)(const HeadFigures&) = nullptr;
  Shade shade = Shade::kRoot;
  double low = 0.0;
  double high = 1.0;

  double share(double at) const {
    return shade == Shade::kRoot ? std::sqrt(at / high) : std::log(at / low) / std::log(high / low);
  }
  double at(double share) const {
    return shade == Shade::kRoot ? share * share * high : low * std::pow(high / low, share);
  }
};

std::vector<Measure> measures_of(const PlanFigures& figures) {
  std::vector<double> errors;
  double most_cost = 0.0;
  for (const SegmentFigures& segment : figures.segments) {
    for (const HeadFigures& head : segment.heads) {
      errors.push_back(head.error);
      most_cost = std::max(most_cost, head.cost);
    }
  }
  const Range error = log_range_of(errors);
  return {{.name = "density",
           .unit = "of dense's cells",
           .value = [](const HeadFigures& head) { return head.density; }},
          {.name = "error",
           .unit = "% of the plan's",
           .value = [](const HeadFigures& head) { return head.error; },
           .shade = Shade::kLogarithm,
           // More than two decades would leave one colour for what matters.
           .low = std::max(error.low, error.high / 100.0),
           .high = error.high},
          {.name = "cost",
           .unit = figures.cost_is_time ? "ms a forward" : "10⁶ cells a forward",
           .value = [](const HeadFigures& head) { return head.cost; },
           .high = most_cost > 0.0 ? most_cost : 1.0}};
}

// The scale of a measure to the left of its row. `unit`: what its numbers are shown in.
void draw_scale(Svg& svg, double top, const Measure& measure, double unit) {
  constexpr double kStep = 5.0;
  svg.text(0, top + 14, measure.name, "start", "head");
  svg.text(0, top + 30, measure.unit, "start", "small");
  for (int step = 0; step < kScaleSteps; ++step) {
    svg.rect(step * kStep, top + 38, kStep, 10, concat("s", step));
  }
  for (const auto& [share, anchor] :
       {std::pair(0.0, "start"), std::pair(0.5, "middle"), std::pair(1.0, "end")}) {
    const double value = measure.at(share) / unit;
    const std::string shown = value >= 1000.0 ? fixed(value / 1000.0, 1) + "k"
                              : value >= 10.0 ? fixed(value, 0)
                                              : short_number(std::round(100.0 * value) / 100.0);
    svg.text(share * kScaleSteps * kStep, top + 62, shown, anchor, "small");
  }
}

std::string steps_text(const PlanFigures& figures, std::size_t segment, std::size_t first) {
  const std::int32_t steps = figures.segments[segment].steps;
  if (steps == 0) {
    return "no step";
  }
  return steps == 1 ? concat("step ", first)
                    : concat("steps ", first, "–", first + static_cast<std::size_t>(steps) - 1);
}

}  // namespace

void pattern_legend(Svg& svg, double x, double y) {
  for (const auto& [kind, name] : kPatternNames) {
    const double width = 24 + text_width(name) + 14;
    svg.open_group({{"class", std::string("legend")}, {"data-kind", std::string(name)}});
    svg.rect(x - 2, y - 14, width - 8, 20, "hit");
    svg.rect(x + 3, y - 10, 12, 12, kind_class(kind));
    svg.text(x + 21, y, name);
    svg.close_group();
    x += width;
  }
}

Figure heads_map(const PlanFigures& figures, std::size_t expert) {
  const ModelShape& model = figures.profile->model;
  const std::size_t heads = figures.profile->heads();
  const Grid grid(model, figures.segments.size());
  constexpr double kTop = 74.0;
  constexpr double kRowGap = 26.0;
  const double row_height = std::max(grid.height(), 74.0) + kRowGap;
  Figure figure{.name = "heads_map",
                .title = "Pattern, density, error and cost of every head, segment by segment",
                .svg = Svg(kWidth, kTop + 4 * row_height)};
  Svg& svg = figure.svg;
  pattern_legend(svg, kLeft - 3, 16);
  std::size_t first_step = 1;
  for (std::size_t i = 0; i < figures.segments.size(); ++i) {
    const SegmentFigures& segment = figures.segments[i];
    svg.text(grid.left(i), 46, t_text(segment.t_begin, segment.t_end), "start", "head");
    svg.text(
        grid.left(i), 62,
        concat(steps_text(figures, i, first_step),
               grid.width() > 110 ? concat(" · density ", fixed(segment.density[expert], 2)) : ""),
        "start", "small");
    first_step += static_cast<std::size_t>(segment.steps);
  }
  const std::vector<Measure> measures = measures_of(figures);
  for (std::size_t row = 0; row < 1 + measures.size(); ++row) {
    const double top = kTop + static_cast<double>(row) * row_height;
    grid.label_rows(svg, top);
    if (row == 0) {
      svg.text(0, top + 14, "pattern", "start", "head");
      svg.text(0, top + 30, "layers down,", "start", "small");
      svg.text(0, top + 44, "heads across", "start", "small");
    } else {
      const bool is_error = measures[row - 1].shade == Shade::kLogarithm;
      const double all = figures.predicted_error > 0.0 ? figures.predicted_error : 1.0;
      draw_scale(svg, top, measures[row - 1], is_error ? all / 100.0 : 1.0);
    }
    for (std::size_t i = 0; i < figures.segments.size(); ++i) {
      const SegmentFigures& segment = figures.segments[i];
      svg.open_group({{"class", std::string(row == 0 ? "panel patterns" : "panel")},
                      {"data-segment", std::to_string(i)},
                      {"data-expert", std::to_string(expert)},
                      {"data-x", grid.left(i)},
                      {"data-y", top},
                      {"data-w", grid.cell_width()},
                      {"data-h", grid.cell_height()}});
      draw_panel(svg, grid, grid.left(i), top, [&](std::size_t head) {
        const HeadFigures& one = segment.heads[expert * heads + head];
        if (row == 0) {
          return kind_class(one.kind);
        }
        const Measure& measure = measures[row - 1];
        const double value = measure.value(one);
        return measure.shade == Shade::kLogarithm && value <= 0.0
                   ? std::string("none")
                   : scale_class(measure.share(value));
      });
      svg.close_group();
    }
  }
  figure.caption =
      "Columns are stretches of the run, from noise (t = 1) to the clip (t = 0). Error is a head's "
      "share of the plan's predicted error, shaded by its logarithm, blank where it has none; a "
      "stretch with many steps adds up more of it. Density and cost are shaded by their square "
      "root.";
  return figure;
}

Figure difference_map(const PlanDifference& difference, std::size_t expert) {
  const ModelShape& model = difference.before->model;
  const auto heads = static_cast<std::size_t>(model.heads_total());
  const Grid grid(model, difference.stretches.size());
  constexpr double kTop = 74.0;
  constexpr double kRowGap = 26.0;
  const double row_height = std::max(grid.height(), 50.0) + kRowGap;
  Figure figure{.name = "difference",
                .title = "Patterns of every head in both plans, and the heads that differ",
                .svg = Svg(kWidth, kTop + 3 * row_height)};
  Svg& svg = figure.svg;
  pattern_legend(svg, kLeft - 3, 16);
  const auto kind_in = [&](const Plan& plan, std::int32_t segment, std::size_t head) {
    const Segment& from = plan.segments[static_cast<std::size_t>(segment)];
    return from.dense
               ? PatternKind::kDense
               : plan.patterns[static_cast<std::size_t>(from.heads[expert][head].pattern)].kind;
  };
  const auto differs = [&](const StretchDifference& stretch, std::size_t head) {
    return std::binary_search(stretch.heads.begin(), stretch.heads.end(), expert * heads + head);
  };
  constexpr std::array<std::string_view, 3> kRows{"before", "after", "differ"};
  for (std::size_t row = 0; row < kRows.size(); ++row) {
    const double top = kTop + static_cast<double>(row) * row_height;
    grid.label_rows(svg, top);
    svg.text(0, top + 14, kRows[row], "start", "head");
    for (std::size_t i = 0; i < difference.stretches.size(); ++i) {
      const StretchDifference& stretch = difference.stretches[i];
      const double left = grid.left(i);
      if (row == 0) {
        svg.text(left, 46, t_text(stretch.t_begin, stretch.t_end), "start", "head");
        svg.text(left, 62, concat(stretch.heads.size(), " of ", heads * model.experts.size()),
                 "start", "small");
      }
      draw_panel(svg, grid, left, top, [&](std::size_t head) -> std::string {
        if (row == 2) {
          return differs(stretch, head) ? "f-ink" : "none";
        }
        return row == 0 ? kind_class(kind_in(*difference.before, stretch.before, head))
                        : kind_class(kind_in(*difference.after, stretch.after, head));
      });
    }
  }
  figure.caption =
      "Columns are the stretches of t in which neither plan changes its table, from noise (t = 1) "
      "down; last row: the heads that differ.";
  return figure;
}

}  // namespace twill::report::drawing
