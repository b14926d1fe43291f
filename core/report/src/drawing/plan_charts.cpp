// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan_charts.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "chart.h"
#include "theme.h"
#include "twill/plan/error.h"

namespace twill::report::drawing {
namespace {

constexpr double kWide = 1080.0;
constexpr double kHalf = 530.0;
constexpr double kHeight = 330.0;

std::vector<double> times_of(const PlanFigures& figures) {
  std::vector<double> times;
  for (const search::Forward& forward : figures.run.forwards) {
    times.push_back(forward.t);
  }
  return times;
}

// Half-way to the neighbours: the stretch of t that a step stands for. [steps + 1], descending.
std::vector<double> step_edges(const std::vector<double>& times) {
  std::vector<double> edges{times.front()};
  for (std::size_t i = 1; i < times.size(); ++i) {
    edges.push_back((times[i - 1] + times[i]) / 2);
  }
  edges.push_back(std::max(0.0, times.back() - (edges[times.size() - 1] - times.back())));
  return edges;
}

std::string cost_unit(const PlanFigures& figures) {
  return figures.cost_is_time ? "ms" : "10⁶ query-key cells";
}

// Of the longest name of a layer, in small letters.
double name_width(const PlanFigures& figures) {
  constexpr double kSmall = 11.0;
  double width = 0.0;
  for (const LayerFigures& layer : figures.layers) {
    width = std::max(width, text_width(layer.name, kSmall));
  }
  return width;
}

}  // namespace

std::vector<double> head_errors(const PlanFigures& figures) {
  std::vector<double> errors(figures.segments.front().heads.size());
  for (const SegmentFigures& segment : figures.segments) {
    for (std::size_t head = 0; head < errors.size(); ++head) {
      errors[head] += segment.heads[head].error;
    }
  }
  return errors;
}

Figure front_chart(const PlanFigures& figures, const std::vector<search::FrontPoint>& front,
                   const std::vector<MeasuredPlan>& measured) {
  const std::optional<double> offset = psnr_offset(measured);
  std::vector<double> xs;
  std::vector<double> ys;
  // In decibels it is what clips show, else what the solver made least.
  const auto shown = [&](const auto& plan) {
    return offset ? *offset - 10.0 * std::log10(plan.clip_error) : plan.predicted_error;
  };
  for (const search::FrontPoint& point : front) {
    if (point.predicted_error > 0.0) {
      xs.push_back(point.density);
      ys.push_back(shown(point));
    }
  }
  std::vector<double> all = ys;
  std::vector<double> all_x = xs;
  for (const MeasuredPlan& plan : measured) {
    all.insert(all.end(), {plan.summary.psnr_db, plan.summary.psnr_db_worst});
    all_x.push_back(plan.report.density);
  }
  const double own = figures.predicted_error > 0.0 ? shown(figures) : NAN;
  all.push_back(own);
  all_x.push_back(figures.density);
  // Next to dense the error goes to 0 and decibels without bound: 12 dB above what was measured.
  Range range = offset ? range_of(all) : log_range_of(all);
  if (offset) {
    double best = std::isfinite(own) ? own : 0.0;
    for (const MeasuredPlan& plan : measured) {
      best = std::max(best, std::isfinite(plan.summary.psnr_db) ? plan.summary.psnr_db : best);
    }
    range.high = std::min(range.high, best + 12.0);
  } else {
    range.low = std::max(range.low, range.high * 1e-4);
  }
  const Range across = range_of(all_x, 0.04);
  Figure figure{.name = "front", .title = "Quality over density"};
  Chart chart(kHalf, kHeight,
              {.label = "density: executed share of dense attention's cells, whole run",
               .low = std::max(0.0, across.low),
               .high = std::min(1.0, across.high),
               .ticks = 9},
              {.label = offset ? "PSNR against dense, dB" : "predicted error, relative",
               .low = range.low,
               .high = range.high,
               .logarithmic = !offset});
  Svg& svg = chart.svg();
  std::vector<Point> line;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (ys[i] >= range.low && ys[i] <= range.high) {
      line.push_back(chart.at(xs[i], ys[i]));
    }
  }
  svg.polyline(line, "l-blue", "best plans of this profile, predicted");
  if (std::isfinite(own)) {
    const Point at = chart.at(figures.density, own);
    svg.rect(at.x - 5, at.y - 5, 10, 10, "f-green ring",
             concat(figures.plan->name, ": predicted, density ", fixed(figures.density, 3)));
  }
  for (const MeasuredPlan& plan : measured) {
    if (!std::isfinite(plan.summary.psnr_db)) {
      continue;
    }
    const Point mean = chart.at(plan.report.density, plan.summary.psnr_db);
    const Point worst = chart.at(plan.report.density, plan.summary.psnr_db_worst);
    svg.line(mean.x, mean.y, worst.x, worst.y, "l-orange");
    svg.line(worst.x - 5, worst.y, worst.x + 5, worst.y, "l-orange");
    svg.circle(mean, 5.5, "f-orange ring",
               concat(plan.name, ": measured, PSNR mean ", fixed(plan.summary.psnr_db, 2),
                      " dB, worst ", fixed(plan.summary.psnr_db_worst, 2), " dB of ",
                      plan.report.rows.size(), " prompts"));
    svg.text(mean.x + 11, mean.y + 14, concat(fixed(plan.summary.psnr_db, 1), " dB"), "start",
             "num");
  }
  std::vector<LegendEntry> legend{{"l-blue", "front, predicted", true}, {"f-green", "this plan"}};
  if (!measured.empty()) {
    legend.push_back({"f-orange", "measured, down to the worst"});
  }
  chart.legend(legend);
  figure.svg = svg;
  figure.caption = concat(
      "The solver's best plans of this profile at every density, with this plan's ",
      figures.dense_first_steps, " dense first and ", figures.dense_last_steps,
      " dense last steps. ",
      offset ? concat("The predicted error says how plans compare, not how many decibels that is: "
                      "the line is shifted so that ",
                      measured.size() == 1 ? "it agrees with the measured plan."
                                           : "it agrees with the measured plans in the mean.")
             : "Nothing was measured: add reports of twill evaluate to see decibels.");
  return figure;
}

Figure layer_error_map(const PlanFigures& figures) {
  const std::size_t steps = figures.run.forwards.size();
  const std::size_t layers = figures.layers.size();
  const double cell_height = std::clamp(std::floor(420.0 / static_cast<double>(layers)), 4.0, 22.0);
  const double left = std::max(84.0, name_width(figures) + 16);
  constexpr double kTop = 40.0;
  const double cell_width = (kWide - left - 18.0) / static_cast<double>(steps);
  const double bottom = kTop + cell_height * static_cast<double>(layers);
  std::vector<double> errors;
  for (const LayerFigures& layer : figures.layers) {
    errors.insert(errors.end(), layer.error.begin(), layer.error.end());
  }
  const Range range = log_range_of(errors);
  Figure figure{.name = "error_over_t",
                .title = "Predicted error of every layer at every step",
                .svg = Svg(kWide, bottom + 48)};
  Svg& svg = figure.svg;
  const double all = figures.predicted_error > 0.0 ? figures.predicted_error : 1.0;
  svg.text(left, 14, "share of the plan's predicted error", "start", "soft");
  const double scale_left = left + text_width("share of the plan's predicted error") + 60;
  for (int step = 0; step < kScaleSteps; ++step) {
    svg.rect(scale_left + 8 * step, 5, 8, 11, concat("s", step));
  }
  svg.text(scale_left - 6, 14, concat(short_number(100 * range.low / all), " %"), "end", "small");
  svg.text(scale_left + 8 * kScaleSteps + 6, 14, concat(short_number(100 * range.high / all), " %"),
           "start", "small");
  svg.rect(scale_left + 8 * kScaleSteps + 90, 5, 14, 11, "none");
  svg.text(scale_left + 8 * kScaleSteps + 110, 14, "dense: none", "start", "small");
  const auto every = static_cast<std::size_t>(std::max(1.0, std::ceil(12.0 / cell_height)));
  for (std::size_t row = 0; row < layers; ++row) {
    const LayerFigures& layer = figures.layers[row];
    const double y = kTop + cell_height * static_cast<double>(row);
    if (row % every == 0) {
      svg.text(left - 8, y + cell_height / 2 + 4, layer.name, "end", "small");
    }
    for (std::size_t step = 0; step < steps; ++step) {
      const double error = layer.error[step];
      const double share =
          error <= 0.0 ? 0.0 : std::log(error / range.low) / std::log(range.high / range.low);
      svg.rect(left + cell_width * static_cast<double>(step), y, cell_width - 1, cell_height - 1,
               error <= 0.0 ? "none" : scale_class(share),
               concat(layer.name, ", step ", step + 1, ", t ",
                      short_number(figures.run.forwards[step].t), ": ",
                      error <= 0.0 ? "dense" : concat(short_number(100 * error / all), " %")));
    }
  }
  const auto step_every = static_cast<std::size_t>(std::max(1.0, std::ceil(40.0 / cell_width)));
  for (std::size_t step = 0; step < steps; step += step_every) {
    const double x = left + cell_width * (static_cast<double>(step) + 0.5);
    svg.text(x, bottom + 14, fixed(figures.run.forwards[step].t, 2), "middle", "small");
  }
  svg.text((left + kWide) / 2, bottom + 36, "t of the step, from noise to the clip", "middle",
           "soft");
  figure.caption =
      "What each layer adds to the predicted error at each step: w(t) x gain x head error, summed "
      "over its heads; logarithmic.";
  return figure;
}

Figure kind_error_chart(const PlanFigures& figures) {
  const std::vector<double> times = times_of(figures);
  const std::vector<double> edges = step_edges(times);
  const double all = figures.predicted_error > 0.0 ? figures.predicted_error : 1.0;
  std::vector<double> sums(times.size());
  for (const std::vector<double>& kind : figures.kind_error) {
    std::transform(kind.begin(), kind.end(), sums.begin(), sums.begin(), std::plus<>());
  }
  const double most = 100.0 * *std::max_element(sums.begin(), sums.end()) / all;
  Figure figure{.name = "error_by_pattern", .title = "Predicted error of every step, by pattern"};
  Chart chart(kHalf, kHeight,
              {.label = "t of the step, from noise to the clip", .low = 1.0, .high = 0.0},
              {.label = "% of the plan's predicted error",
               .low = 0.0,
               .high = most > 0.0 ? 1.08 * most : 1.0},
              2);
  std::vector<LegendEntry> legend;
  std::vector<double> below(times.size());
  for (std::size_t kind = 0; kind < kPatternNames.size(); ++kind) {
    const std::vector<double>& error = figures.kind_error[kind];
    if (std::all_of(error.begin(), error.end(), [](double value) { return value <= 0.0; })) {
      continue;
    }
    for (std::size_t step = 0; step < times.size(); ++step) {
      const Point low = chart.at(edges[step], below[step]);
      below[step] += 100.0 * error[step] / all;
      const Point high = chart.at(edges[step + 1], below[step]);
      if (error[step] > 0.0) {
        chart.svg().rect(
            low.x + 0.5, high.y, high.x - low.x - 1, low.y - high.y,
            kind_class(kPatternNames[kind].first),
            concat(kPatternNames[kind].second, ", step ", step + 1, ", t ",
                   short_number(times[step]), ": ", short_number(100.0 * error[step] / all), " %"));
      }
    }
    legend.push_back(
        {kind_class(kPatternNames[kind].first), std::string(kPatternNames[kind].second)});
  }
  chart.legend(legend);
  figure.svg = chart.svg();
  figure.caption =
      "One bar a step, as wide as the stretch of t that it stands for; dense steps have "
      "no error.";
  return figure;
}

Figure kind_head_error_chart(const PlanFigures& figures, std::size_t segment) {
  const std::vector<std::vector<double>> errors = kind_head_errors(figures, segment);
  std::vector<double> all;
  for (const std::vector<double>& kind : errors) {
    all.insert(all.end(), kind.begin(), kind.end());
  }
  const Range range = log_range_of(all);
  Figure figure{.name = "head_error_over_t",
                .title = "Head error over t, by the pattern that heads have"};
  Chart chart(kHalf, kHeight, {.label = "t, from noise to the clip", .low = 1.0, .high = 0.0},
              {.label = "head error, mean over heads",
               .low = range.low,
               .high = range.high,
               .logarithmic = true},
              2);
  std::vector<LegendEntry> legend;
  for (std::size_t kind = 0; kind < errors.size(); ++kind) {
    if (errors[kind].empty()) {
      continue;
    }
    const std::string name = kind_class(kPatternNames[kind].first);
    std::vector<double> times;
    std::vector<double> positive;
    for (std::size_t i = 0; i < errors[kind].size(); ++i) {
      if (errors[kind][i] > 0.0) {
        times.push_back(figures.profile->t[i]);
        positive.push_back(errors[kind][i]);
      }
    }
    chart.svg().polyline(chart.at(times, positive), "l" + name);
    for (std::size_t i = 0; i < times.size(); ++i) {
      chart.svg().circle(chart.at(times[i], positive[i]), 3.5, name + " edge",
                         concat(kPatternNames[kind].second, ", t ", short_number(times[i]), ": ",
                                short_number(positive[i])));
    }
    legend.push_back({"l" + name, std::string(kPatternNames[kind].second), true});
  }
  chart.legend(legend);
  figure.svg = chart.svg();
  const SegmentFigures& shown = figures.segments[segment];
  figure.caption = concat("Σ‖o − o₀‖² ÷ Σ‖o₀‖² at the profile's ", figures.profile->t.size(),
                          " values of t, had every head the pattern that it has for t ",
                          short_number(shown.t_end), " to ", short_number(shown.t_begin),
                          ". Gain and w(t) are left out.");
  return figure;
}

Figure layer_cost_chart(const PlanFigures& figures) {
  const std::size_t layers = figures.layers.size();
  double most = 0.0;
  for (const LayerFigures& layer : figures.layers) {
    most = std::max({most, layer.dense_cost, layer.plan_cost});
  }
  Figure figure{.name = "cost_per_layer", .title = "Attention's cost in every layer"};
  Chart chart(
      kWide, 250.0,
      {.label = "layer", .low = -0.5, .high = static_cast<double>(layers) - 0.5, .ticks = 0},
      {.label = concat(cost_unit(figures), " a forward"),
       .low = 0.0,
       .high = most > 0.0 ? 1.1 * most : 1.0,
       .ticks = 4});
  Svg& svg = chart.svg();
  const double width = chart.x().at(1.0) - chart.x().at(0.0);
  const double bar = std::min(24.0, width * 0.38);
  const auto every =
      static_cast<std::size_t>(std::max(1.0, std::ceil((name_width(figures) + 10) / width)));
  for (std::size_t i = 0; i < layers; ++i) {
    const LayerFigures& layer = figures.layers[i];
    const double x = chart.x().at(static_cast<double>(i));
    const double bottom = chart.y().at(0.0);
    const auto draw = [&](double left, double cost, std::string_view classes,
                          std::string_view name) {
      svg.rect(left, chart.y().at(cost), bar, bottom - chart.y().at(cost), classes,
               concat(layer.name, ", ", name, ": ", short_number(cost), " ", cost_unit(figures)));
    };
    draw(x - bar, layer.dense_cost, "f-pale", "dense");
    draw(x, layer.plan_cost, "f-blue", "plan");
    if (width >= 44.0) {
      svg.text(x + bar / 2, chart.y().at(layer.plan_cost) - 4,
               percent(layer.plan_cost / layer.dense_cost), "middle", "small");
    }
    if (i % every == 0) {
      svg.text(x, bottom + 18, layer.name, "middle", "small");
    }
  }
  chart.legend({{"f-pale", "dense"}, {"f-blue", "plan, mean over the steps of the run"}});
  figure.svg = svg;
  figure.caption =
      figures.cost_is_time
          ? concat("From the milliseconds of every pattern that were measured on ",
                   figures.profile->cost.device, " (", figures.profile->cost.kernel,
                   "), summed over a layer's heads.")
          : "Executed query-key cells (tiles of 128 x 64, counted whole): no times of single "
            "patterns are in this profile.";
  return figure;
}

Figure head_share_chart(const PlanFigures& figures) {
  std::vector<double> errors = head_errors(figures);
  std::sort(errors.begin(), errors.end(), std::greater<>());
  const double all = figures.predicted_error > 0.0 ? figures.predicted_error : 1.0;
  std::vector<double> xs{0.0};
  std::vector<double> ys{0.0};
  double sum = 0.0;
  double heads_of_half = 0.0;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    sum += errors[i];
    xs.push_back(100.0 * static_cast<double>(i + 1) / static_cast<double>(errors.size()));
    ys.push_back(100.0 * sum / all);
    if (heads_of_half == 0.0 && sum >= all / 2) {
      heads_of_half = xs.back();
    }
  }
  Figure figure{.name = "error_by_head", .title = "Where quality goes: heads by their error"};
  Chart chart(kHalf, kHeight,
              {.label = "% of heads, those with most error first", .low = 0.0, .high = 100.0},
              {.label = "% of the predicted error", .low = 0.0, .high = 104.0});
  Svg& svg = chart.svg();
  std::vector<Point> area = chart.at(xs, ys);
  area.push_back(chart.at(100.0, 0.0));
  svg.polygon(area, "f-wash");
  svg.line(chart.at(0, 0).x, chart.at(0, 0).y, chart.at(100, 100).x, chart.at(100, 100).y,
           "l-pale dash");
  svg.polyline(chart.at(xs, ys), "l-blue");
  if (heads_of_half > 0.0) {
    const Point at = chart.at(heads_of_half, 50.0);
    svg.line(at.x, chart.y().at(0.0), at.x, at.y, "l-pale");
    svg.circle(at, 5, "f-blue ring");
    svg.text(at.x + 12, at.y + 4,
             concat("half of the error in ", short_number(heads_of_half), " % of heads"));
  }
  figure.svg = svg;
  figure.caption = "The dashed line is what heads would add up to that all err alike.";
  return figure;
}

}  // namespace twill::report::drawing
