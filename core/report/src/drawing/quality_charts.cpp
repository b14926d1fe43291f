// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "quality_charts.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "chart.h"
#include "twill/plan/error.h"
#include "twill/plan/text.h"
#include "twill/search/calibration.h"

namespace twill::report::drawing {
namespace {

constexpr double kWide = 1080.0;
constexpr double kHalf = 530.0;
constexpr double kHeight = 330.0;

std::size_t worst_row(const EvaluateReport& report) {
  return static_cast<std::size_t>(std::min_element(report.rows.begin(), report.rows.end(),
                                                   [](const EvaluateRow& a, const EvaluateRow& b) {
                                                     return a.quality.psnr_db < b.quality.psnr_db;
                                                   }) -
                                  report.rows.begin());
}

// Where the plan took no part, the times are twice dense's.
bool compares_times(const MeasuredPlan& plan) { return plan.summary.speedup.has_value(); }

}  // namespace

bool has_times(const std::vector<MeasuredPlan>& measured) {
  return std::any_of(measured.begin(), measured.end(), compares_times);
}

bool has_frames(const EvaluateReport& report) {
  const std::size_t frames = report.rows.front().psnr_db_frames.size();
  return frames > 1 &&
         std::all_of(report.rows.begin(), report.rows.end(),
                     [&](const EvaluateRow& row) { return row.psnr_db_frames.size() == frames; });
}

Figure speed_chart(const std::vector<MeasuredPlan>& measured) {
  std::vector<double> speeds{1.0};
  std::vector<double> decibels;
  for (const MeasuredPlan& plan : measured) {
    if (compares_times(plan)) {
      speeds.push_back(*plan.summary.speedup);
      decibels.insert(decibels.end(), {plan.summary.psnr_db, plan.summary.psnr_db_worst});
    }
  }
  const Range across = range_of(speeds, 0.12);
  const Range up = range_of(decibels, 0.15);
  Figure figure{.name = "speed_quality", .title = "Measured speed and quality"};
  Chart chart(kHalf, kHeight,
              {.label = "speed-up of the denoising loop over dense, x",
               .low = across.low,
               .high = across.high},
              {.label = "PSNR against dense, dB", .low = up.low, .high = up.high});
  Svg& svg = chart.svg();
  svg.line(chart.x().at(1.0), chart.y().at(up.low), chart.x().at(1.0), chart.y().at(up.high),
           "l-pale dash");
  svg.text(chart.x().at(1.0) + 6, chart.y().at(up.high) + 14, "dense", "start", "small");
  for (const MeasuredPlan& plan : measured) {
    if (!compares_times(plan) || !std::isfinite(plan.summary.psnr_db)) {
      continue;
    }
    const Point mean = chart.at(*plan.summary.speedup, plan.summary.psnr_db);
    const Point worst = chart.at(*plan.summary.speedup, plan.summary.psnr_db_worst);
    svg.line(mean.x, mean.y, worst.x, worst.y, "l-orange");
    svg.line(worst.x - 5, worst.y, worst.x + 5, worst.y, "l-orange");
    svg.circle(mean, 5.5, "f-orange ring",
               concat(plan.name, ": ", fixed(*plan.summary.speedup, 2), "x at ",
                      fixed(plan.summary.psnr_db, 2), " dB"));
    // Beside the point, on the side with more room.
    const bool right = mean.x < (chart.x().pixel_low + chart.x().pixel_high) / 2;
    svg.text(mean.x + (right ? 11 : -11), mean.y + 4,
             concat(shortened(plan.name, 24), ", ", fixed(*plan.summary.speedup, 2), "x"),
             right ? "start" : "end", "num");
  }
  chart.legend({{"f-orange", "measured: mean PSNR, down to the worst prompt"}});
  figure.svg = svg;
  figure.caption =
      concat("Dense and sparse in turns in one process on ", measured.front().report.device, ", ",
             measured.front().report.dtype, ". The VAE and the text encoder are not in the loop.");
  return figure;
}

Figure time_chart(const std::vector<MeasuredPlan>& measured) {
  struct Bar {
    std::string name;
    ClipTimes times;
  };
  std::vector<Bar> bars;
  for (const MeasuredPlan& plan : measured) {
    if (!compares_times(plan)) {
      continue;
    }
    const double clips = static_cast<double>(plan.summary.timed);
    Bar dense{.name = "dense", .times = {}};
    Bar sparse{.name = shortened(plan.name, 20), .times = {}};
    for (const EvaluateRow& row : plan.report.rows) {
      for (const auto& [bar, times] : {std::pair(&dense, &row.dense), {&sparse, &row.sparse}}) {
        bar->times.denoise += times->denoise / clips;
        bar->times.attention += times->attention / clips;
        bar->times.vae += times->vae / clips;
      }
    }
    bars.insert(bars.end(), {dense, sparse});
  }
  double most = 0.0;
  for (const Bar& bar : bars) {
    most = std::max(most, bar.times.denoise + bar.times.vae);
  }
  constexpr double kLeft = 150.0;
  constexpr double kTop = 40.0;
  const double row_height =
      std::clamp((kHeight - kTop - 46) / static_cast<double>(bars.size()), 30.0, 64.0);
  const double bottom = kTop + row_height * static_cast<double>(bars.size());
  Figure figure{.name = "seconds",
                .title = "Where a clip's time goes",
                .svg = Svg(kHalf, std::max(kHeight, bottom + 46))};
  Svg& svg = figure.svg;
  const Scale x{.low = 0.0, .high = 1.12 * most, .pixel_low = kLeft, .pixel_high = kHalf - 18};
  for (const double tick : x.ticks(5)) {
    svg.line(x.at(tick), kTop, x.at(tick), bottom, "grid");
    svg.text(x.at(tick), bottom + 16, short_number(tick), "middle", "small");
  }
  svg.text((kLeft + kHalf) / 2, bottom + 38, "seconds a clip, mean of the timed ones", "middle",
           "soft");
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const ClipTimes& times = bars[i].times;
    const double y = kTop + row_height * static_cast<double>(i) + 7;
    const double middle = y + (row_height - 14) / 2 + 4;
    svg.text(kLeft - 8, middle, bars[i].name, "end");
    double from = 0.0;
    for (const auto& [seconds, classes, what] :
         {std::tuple(times.attention, "f-blue", "attention"),
          std::tuple(times.denoise - times.attention, "f-pale", "rest of the denoising loop"),
          std::tuple(times.vae, "f-green", "VAE")}) {
      svg.rect(x.at(from), y, x.at(from + seconds) - x.at(from), row_height - 14, classes,
               concat(bars[i].name, ", ", what, ": ", fixed(seconds, 2), " s"));
      from += seconds;
    }
    svg.text(x.at(from) + 6, middle, concat(fixed(from, 1), " s"), "start", "num");
  }
  draw_legend(svg, 4, 16, kHalf,
              {{"f-blue", "attention"}, {"f-pale", "rest of the loop"}, {"f-green", "VAE"}});
  std::string text;
  for (const MeasuredPlan& plan : measured) {
    if (compares_times(plan)) {
      text += concat(plan.name, ": loop ", fixed(*plan.summary.speedup, 2), "x, attention ",
                     fixed(*plan.summary.attention_speedup, 2), "x of ",
                     percent(plan.summary.attention_share), " of the dense loop",
                     plan.summary.speedup_over_own_dense
                         ? concat(", over our own dense kernel ",
                                  fixed(*plan.summary.speedup_over_own_dense, 2), "x")
                         : "",
                     " (", plan.summary.timed, plan.summary.timed == 1 ? " clip). " : " clips). ");
    }
  }
  figure.caption = text;
  return figure;
}

Figure prompt_chart(const EvaluateReport& report) {
  std::vector<std::size_t> order(report.rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return report.rows[a].quality.psnr_db < report.rows[b].quality.psnr_db;
  });
  constexpr std::size_t kMost = 40;
  order.resize(std::min(order.size(), kMost));
  std::vector<double> values;
  for (const EvaluateRow& row : report.rows) {
    values.push_back(row.quality.psnr_db);
  }
  const EvaluateSummary summary = summarise(report.rows);
  const double low = std::floor(range_of(values, 0.25).low);
  constexpr double kLeft = 600.0;
  constexpr double kTop = 34.0;
  constexpr double kRow = 20.0;
  const double bottom = kTop + kRow * static_cast<double>(order.size());
  Figure figure{.name = "psnr_by_prompt",
                .title = "PSNR of every prompt, the worst first",
                .svg = Svg(kWide, bottom + 46)};
  Svg& svg = figure.svg;
  const Scale x{
      .low = low, .high = range_of(values).high, .pixel_low = kLeft, .pixel_high = kWide - 130};
  for (const double tick : x.ticks(6)) {
    svg.line(x.at(tick), kTop, x.at(tick), bottom, "grid");
    svg.text(x.at(tick), bottom + 16, short_number(tick), "middle", "small");
  }
  svg.text((kLeft + kWide - 130) / 2, bottom + 38,
           "PSNR against dense, dB (bars do not begin at 0)", "middle", "soft");
  for (std::size_t i = 0; i < order.size(); ++i) {
    const EvaluateRow& row = report.rows[order[i]];
    const double y = kTop + kRow * static_cast<double>(i);
    const double end =
        std::isfinite(row.quality.psnr_db) ? x.at(row.quality.psnr_db) : x.pixel_high;
    svg.text(kLeft - 8, y + 14, shortened(row.prompt, 100), "end", i == 0 ? "num" : "small");
    svg.rect(kLeft, y + 3, end - kLeft, kRow - 6, i == 0 ? "f-orange" : "f-blue",
             concat(row.prompt, ", seed ", row.seed, ": PSNR ", fixed(row.quality.psnr_db, 2),
                    " dB, SSIM ", fixed(row.quality.ssim, 4)));
    svg.text(kWide - 112, y + 14,
             concat(fixed(row.quality.psnr_db, 1), " · SSIM ", fixed(row.quality.ssim, 3)), "start",
             "small");
  }
  if (std::isfinite(summary.psnr_db)) {
    svg.line(x.at(summary.psnr_db), kTop - 4, x.at(summary.psnr_db), bottom, "mark dash");
    svg.text(x.at(summary.psnr_db), kTop - 10, concat("mean ", fixed(summary.psnr_db, 2)), "middle",
             "small");
  }
  figure.caption = concat(
      "8-bit RGB before video encoding, MSE over the whole clip, dense and sparse from one noise.",
      report.rows.size() > kMost ? concat(" The ", kMost, " worst of ", report.rows.size(), ".")
                                 : "");
  return figure;
}

Figure frame_chart(const EvaluateReport& report) {
  const std::size_t worst = worst_row(report);
  const std::size_t frames = report.rows.front().psnr_db_frames.size();
  std::vector<double> all;
  std::vector<double> numbers(frames);
  std::iota(numbers.begin(), numbers.end(), 1.0);
  std::vector<double> means(frames);
  for (const EvaluateRow& row : report.rows) {
    for (std::size_t i = 0; i < frames; ++i) {
      all.push_back(row.psnr_db_frames[i]);
      means[i] += row.psnr_db_frames[i] / static_cast<double>(report.rows.size());
    }
  }
  const Range range = range_of(all);
  Figure figure{.name = "psnr_by_frame", .title = "PSNR of every frame"};
  Chart chart(kHalf, kHeight, {.label = "frame", .low = 1.0, .high = static_cast<double>(frames)},
              {.label = "PSNR against dense, dB", .low = range.low, .high = range.high});
  const auto line = [&](const std::vector<double>& values, std::string_view classes,
                        std::string_view tip) {
    std::vector<Point> points;
    for (std::size_t i = 0; i < frames; ++i) {
      if (std::isfinite(values[i])) {
        points.push_back(chart.at(numbers[i], values[i]));
      }
    }
    chart.svg().polyline(points, classes, tip);
  };
  for (const EvaluateRow& row : report.rows) {
    line(row.psnr_db_frames, "l-pale", row.prompt);
  }
  line(report.rows[worst].psnr_db_frames, "l-orange", report.rows[worst].prompt);
  line(means, "l-blue", "mean over prompts");
  chart.legend({{"l-pale", "each prompt", true},
                {"l-blue", "mean", true},
                {"l-orange", "worst prompt", true}});
  figure.svg = chart.svg();
  figure.caption =
      concat("Worst prompt: “", report.rows[worst].prompt, "”, seed ", report.rows[worst].seed,
             ", ", fixed(report.rows[worst].quality.psnr_db, 2), " dB.");
  return figure;
}

Figure prediction_chart(const std::vector<PredictedMeasured>& points) {
  std::vector<double> predicted;
  std::vector<double> measured;
  for (const PredictedMeasured& point : points) {
    predicted.push_back(point.predicted);
    measured.push_back(point.measured_mse);
  }
  const Range across = log_range_of(predicted);
  const Range up = log_range_of(measured);
  Figure figure{.name = "predicted_measured", .title = "Predicted error against measured error"};
  Chart chart(
      kHalf, kHeight,
      {.label = "predicted error, relative",
       .low = across.low,
       .high = across.high,
       .logarithmic = true},
      {.label = "measured MSE of 8-bit RGB", .low = up.low, .high = up.high, .logarithmic = true});
  for (const PredictedMeasured& point : points) {
    if (point.predicted > 0.0 && point.measured_mse > 0.0) {
      chart.svg().circle(chart.at(point.predicted, point.measured_mse), 5.5, "f-orange ring",
                         concat(point.name, ": predicted ", short_number(point.predicted),
                                ", measured ", short_number(point.measured_mse)));
    }
  }
  figure.svg = chart.svg();
  figure.caption =
      concat("Rank correlation ", fixed(search::rank_correlation(predicted, measured), 3), " over ",
             points.size(), " plans.");
  return figure;
}

}  // namespace twill::report::drawing
