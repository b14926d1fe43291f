// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/plan_report.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "drawing/heads_map.h"
#include "drawing/page.h"
#include "drawing/plan_charts.h"
#include "drawing/quality_charts.h"
#include "json.h"
#include "report_inputs.h"
#include "report_pictures.h"
#include "report_settings.h"
#include "twill/media/png.h"
#include "twill/plan/error.h"
#include "twill/plan/outputs.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/plan_view.h"
#include "twill/plan/whole_files.h"
#include "twill/report/heads_picture.h"

namespace twill::report {
namespace {

namespace fs = std::filesystem;
using drawing::Figure;
using drawing::fixed;
using drawing::percent;
using drawing::short_number;

// The page and the drawings on it, as they are put together.
class PlanReport {
 public:
  PlanReport(const ReportOptions& options, const ReportInputs& inputs)
      : options_(options),
        inputs_(inputs),
        figures_(inputs.figures),
        page_(figures_.plan->name.empty() ? options.files.front().filename().string()
                                          : figures_.plan->name,
              concat("Twill report · ", options.files.front().filename().string()),
              concat(figures_.plan->model.family, ", ", figures_.layers.size(), " layers, ",
                     figures_.profile->heads(), " heads; ", run_text(figures_.run))) {}

  std::string make() {
    add_tiles();
    add_heads();
    add_speed_and_quality();
    add_error_over_t();
    add_cost();
    add_where_quality_went();
    add_clips();
    add_settings();
    return page_.finish();
  }
  const std::vector<Figure>& drawings() const { return drawings_; }
  const std::optional<media::Picture>& maps() const { return maps_; }
  const std::vector<std::string>& missing() const { return missing_; }

 private:
  void draw(std::vector<Figure> figures) {
    page_.figures(figures);
    std::move(figures.begin(), figures.end(), std::back_inserter(drawings_));
  }
  std::string unit() const { return figures_.cost_is_time ? "ms" : "10⁶ cells"; }
  const MeasuredPlan* measured() const {
    return inputs_.measured.empty() ? nullptr : &inputs_.measured.front();
  }

  void add_tiles() {
    std::vector<drawing::Tile> tiles{
        {fixed(figures_.density, 3), "density", "of dense attention's cells, whole run"}};
    if (const MeasuredPlan* one = measured()) {
      const EvaluateSummary& summary = one->summary;
      tiles.push_back({fixed(summary.psnr_db, 1) + " dB", "PSNR, mean",
                       concat("worst ", fixed(summary.psnr_db_worst, 1), " dB of ",
                              one->report.rows.size(), " prompts")});
      tiles.push_back({fixed(summary.ssim, 3), "SSIM, mean", "against dense clips"});
      if (summary.speedup) {
        tiles.push_back({fixed(*summary.speedup, 2) + "x", "denoising loop",
                         concat(fixed(summary.dense_seconds, 1), " s to ",
                                fixed(summary.sparse_seconds, 1), " s a clip")});
        tiles.push_back({fixed(*summary.attention_speedup, 2) + "x", "attention alone",
                         concat(percent(summary.attention_share), " of the dense loop")});
        if (summary.speedup_over_own_dense) {
          tiles.push_back({fixed(*summary.speedup_over_own_dense, 2) + "x",
                           "loop, over our own dense kernel",
                           concat("what the plan leaves out; attention ",
                                  fixed(*summary.attention_speedup_over_own_dense, 2), "x")});
        }
      }
    }
    tiles.push_back({short_number(figures_.predicted_error), "predicted error",
                     "relative; compares plans of one profile"});
    if (figures_.cost_is_time) {
      tiles.push_back({percent(figures_.cost / figures_.dense_cost), "of dense attention's time",
                       concat("predicted: ", short_number(figures_.cost), " of ",
                              short_number(figures_.dense_cost), " ms a forward")});
    }
    if (inputs_.search_seconds) {
      tiles.push_back({fixed(*inputs_.search_seconds, 0) + " s", "search", "profile and solve"});
    }
    page_.tiles(tiles);
  }

  void add_heads() {
    page_.section("Heads",
                  "What every head keeps, costs and loses. Point at a head to read its numbers; "
                  "click a pattern to see its heads alone.");
    const std::size_t experts = figures_.profile->model.experts.size();
    for (std::size_t expert = 0; expert < experts; ++expert) {
      Figure map = drawing::heads_map(figures_, expert);
      if (experts > 1) {
        map.name += "_" + figures_.profile->model.experts[expert];
        map.title += ": " + figures_.profile->model.experts[expert];
      }
      draw({std::move(map)});
    }
    page_.data("heads-data", json_dump(heads_data()));
    if (figures_.profile->map_size == 0 || figures_.profile->maps.empty()) {
      missing_.push_back("no attention maps: the profile holds none");
      return;
    }
    const std::size_t segment = widest_segment(*figures_.plan);
    const Segment& shown = figures_.plan->segments[segment];
    maps_ = draw_heads(*figures_.profile, figures_.plan.get(), static_cast<std::int32_t>(segment),
                       0, figures_.profile->map_size);
    page_.section("What the heads look at");
    page_.begin_columns();
    page_.picture(media::png_bytes(*maps_),
                  "Attention maps of all heads, layers down, heads across",
                  concat("Layers down, heads across; in each square queries down, keys across, "
                         "averaged over blocks, brightness the square root. Frames: the pattern "
                         "for t ",
                         short_number(shown.t_end), " to ", short_number(shown.t_begin), "."),
                  std::min(330.0, 1.9 * maps_->width));
    page_.next_column();
    page_.table(worst_heads(), "Heads with most of the predicted error");
    page_.end_columns();
  }

  // For the script: [pattern, density, head error, % of the plan's error, cost] of each head.
  json heads_data() const {
    json patterns = json::array();
    for (const Pattern& pattern : figures_.plan->patterns) {
      patterns.push_back(describe(pattern));
    }
    json stacks = json::array();
    for (const StackShape& stack : figures_.plan->model.stacks) {
      stacks.push_back({{"name", stack.name}, {"layers", stack.layers}, {"heads", stack.heads}});
    }
    json segments = json::array();
    for (const SegmentFigures& segment : figures_.segments) {
      json heads = json::array();
      for (const HeadFigures& head : segment.heads) {
        heads.push_back({head.pattern, short_number(head.density), short_number(head.head_error),
                         short_number(100.0 * share_of(head.error)), short_number(head.cost)});
      }
      segments.push_back(
          {{"t", concat("t ", short_number(segment.t_end), " to ", short_number(segment.t_begin))},
           {"heads", heads}});
    }
    return {{"heads", figures_.profile->heads()},
            {"unit", unit() + " a forward"},
            {"stacks", stacks},
            {"patterns", patterns},
            {"segments", segments}};
  }

  double share_of(double error) const {
    return figures_.predicted_error > 0.0 ? error / figures_.predicted_error : 0.0;
  }

  drawing::Table worst_heads() const {
    const std::vector<double> errors = drawing::head_errors(figures_);
    std::vector<std::size_t> order(errors.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return errors[a] > errors[b]; });
    constexpr std::size_t kShown = 20;
    order.resize(std::min(order.size(), kShown));
    const std::size_t widest = widest_segment(*figures_.plan);
    const std::size_t shown = figures_.segments.size() - 1 - widest;
    drawing::Table table{
        .head = {"head", "pattern there", "density", "error"}, .rows = {}, .numbers_from = 2};
    const std::size_t heads = figures_.profile->heads();
    for (const std::size_t head : order) {
      const HeadFigures& one = figures_.segments[shown].heads[head];
      table.rows.push_back(
          {.cells = {head_label(figures_.plan->model, head / heads, head % heads),
                     describe_head(*figures_.plan, widest, head / heads, head % heads),
                     fixed(one.density, 3), percent(share_of(errors[head]))},
           .kind = std::string(pattern_name(one.kind))});
    }
    return table;
  }

  void add_speed_and_quality() {
    page_.section("Speed and quality");
    std::vector<Figure> charts{
        drawing::front_chart(figures_, front_of(figures_), inputs_.measured)};
    if (drawing::has_times(inputs_.measured)) {
      charts.push_back(drawing::time_chart(inputs_.measured));
      if (inputs_.measured.size() > 1) {
        charts.push_back(drawing::speed_chart(inputs_.measured));
      }
    } else if (std::none_of(inputs_.measured.begin(), inputs_.measured.end(),
                            [](const MeasuredPlan& one) { return one.summary.timed > 0; })) {
      missing_.push_back(
          "no measured times: no report of an evaluation with timed clips was given");
    }
    for (const MeasuredPlan& one : inputs_.measured) {
      if (!one.report.why_no_part.empty()) {
        missing_.push_back(concat("no speed-up of ", one.name, ": ", one.report.why_no_part));
      }
    }
    add_prediction(charts);
    draw(std::move(charts));
    if (!inputs_.measured.empty()) {
      page_.table(measured_table(), "Measured");
    }
  }

  drawing::Table measured_table() const {
    drawing::Table table{
        .head = {"plan", "density", "PSNR mean", "worst", "SSIM", "prompts", "dense loop",
                 "sparse loop", "speed-up", "attention", "loop over own dense",
                 "attention over own dense", "predicted error"},
        .rows = {},
        .numbers_from = 1};
    for (const MeasuredPlan& one : inputs_.measured) {
      const EvaluateSummary& summary = one.summary;
      const auto timed = [&](const std::string& text) {
        return summary.timed > 0 ? text : std::string("–");
      };
      const auto times = [](const std::optional<double>& factor) {
        return factor ? fixed(*factor, 2) + "x" : std::string("–");
      };
      table.rows.push_back(
          {.cells = {one.name, fixed(one.report.density, 3), fixed(summary.psnr_db, 2) + " dB",
                     fixed(summary.psnr_db_worst, 2) + " dB", fixed(summary.ssim, 4),
                     std::to_string(one.report.rows.size()),
                     timed(fixed(summary.dense_seconds, 2) + " s"),
                     timed(fixed(summary.sparse_seconds, 2) + " s"), times(summary.speedup),
                     times(summary.attention_speedup), times(summary.speedup_over_own_dense),
                     times(summary.attention_speedup_over_own_dense),
                     short_number(one.figures.predicted_error)},
           .kind = {}});
    }
    return table;
  }

  void add_error_over_t() {
    page_.section("Error over t", "Where along the run the plan is expected to lose.");
    draw({drawing::layer_error_map(figures_)});
    const auto shown = figures_.segments.size() - 1 - widest_segment(*figures_.plan);
    std::vector<Figure> charts{drawing::kind_error_chart(figures_)};
    if (!figures_.segments[shown].dense) {
      charts.push_back(drawing::kind_head_error_chart(figures_, shown));
    }
    draw(std::move(charts));
  }

  void add_cost() {
    page_.section("Cost per layer");
    draw({drawing::layer_cost_chart(figures_)});
  }

  void add_where_quality_went() {
    page_.section("Where quality went");
    std::vector<Figure> charts{drawing::head_share_chart(figures_)};
    const MeasuredPlan* one = measured();
    if (one == nullptr) {
      missing_.push_back("no measured quality: no report of an evaluation was given");
    } else if (drawing::has_frames(one->report)) {
      charts.push_back(drawing::frame_chart(one->report));
    } else {
      missing_.push_back("no PSNR of single frames: the report of the evaluation has none");
    }
    draw(std::move(charts));
    if (one != nullptr) {
      draw({drawing::prompt_chart(one->report)});
    }
  }

  void add_clips() {
    if (options_.clips.empty()) {
      missing_.push_back("no picture of the worst clip: no folder of saved clips was given");
      return;
    }
    const std::string png = read_png(options_.clips / "worst.png");
    page_.section("The clip with the lowest PSNR", "Dense above, by the plan below.");
    page_.picture({reinterpret_cast<const std::uint8_t*>(png.data()), png.size()},
                  "Frames of the worst clip, dense above and sparse below",
                  measured() == nullptr ? "" : worst_prompt(measured()->report), 1080.0);
  }

  static std::string worst_prompt(const EvaluateReport& report) {
    const EvaluateRow& worst = *std::min_element(report.rows.begin(), report.rows.end(),
                                                 [](const EvaluateRow& a, const EvaluateRow& b) {
                                                   return a.quality.psnr_db < b.quality.psnr_db;
                                                 });
    return concat("“", worst.prompt, "”, seed ", worst.seed, ": ", fixed(worst.quality.psnr_db, 2),
                  " dB, SSIM ", fixed(worst.quality.ssim, 4), ".");
  }

  // Probes of the search, and plans that were measured.
  void add_prediction(std::vector<Figure>& charts) {
    std::vector<PredictedMeasured> points = inputs_.probes;
    for (const MeasuredPlan& one : inputs_.measured) {
      points.push_back({one.name, one.figures.predicted_error, one.mean_mse});
    }
    constexpr std::size_t kFewest = 3;
    if (points.size() < kFewest) {
      missing_.push_back(concat("no comparison of predicted and measured error: ", points.size(),
                                " clips or plans have both, and ", kFewest, " are needed"));
      return;
    }
    charts.push_back(drawing::prediction_chart(points));
  }

  void add_settings() {
    page_.section("Settings and provenance");
    page_.begin_columns();
    page_.paragraph("Plan");
    page_.facts(plan_facts(figures_));
    page_.next_column();
    page_.paragraph("Profile");
    page_.facts(profile_facts(figures_));
    page_.end_columns();
    for (const MeasuredPlan& one : inputs_.measured) {
      page_.section("Evaluation of " + one.name);
      page_.facts(evaluation_facts(one));
    }
    page_.section("To repeat it", "With the same model, from the files' own settings:");
    page_.commands(commands_to_repeat(options_, inputs_));
    page_.section("Words");
    page_.facts(
        {{"density",
          "executed query-key cells (tiles of 128 queries x 64 keys, counted whole) over "
          "dense's, all heads, layers and forwards of the run named above"},
         {"head error", "Σ‖o − o₀‖² ÷ Σ‖o₀‖² over sampled query rows and prompts, o₀ dense"},
         {"predicted error",
          "sum over steps and heads of w(t) x gain x head error; gain: what a "
          "head adds to the residual stream"},
         {"PSNR",
          "8-bit RGB before video encoding, MSE over the whole clip, dense and sparse from "
          "one noise"},
         {"t", "timestep over its training range: 1 noise, 0 clean"}});
    if (!missing_.empty()) {
      page_.section("Not in this report");
      for (const std::string& line : missing_) {
        page_.paragraph(line);
      }
    }
  }

  const ReportOptions& options_;
  const ReportInputs& inputs_;
  const PlanFigures& figures_;
  drawing::Page page_;
  std::vector<Figure> drawings_;
  std::optional<media::Picture> maps_;
  std::vector<std::string> missing_;
};

}  // namespace

namespace {

// Known when the page is made, which takes seconds; asked for before the first file is written.
std::vector<Output> pictures_of(const ReportOptions& options, const PlanReport& report) {
  std::vector<Output> pictures;
  if (!options.pictures.empty()) {
    pictures.push_back({options.out, OutputKind::kPage});
    for (const Figure& figure : report.drawings()) {
      pictures.push_back({options.pictures / (figure.name + ".png"), OutputKind::kPicture});
    }
    if (report.maps()) {
      pictures.push_back({options.pictures / "attention_maps.png", OutputKind::kPicture});
    }
  }
  return pictures;
}

}  // namespace

ReportResult write_report(const ReportOptions& options, const PicturesDrawn& drawn) {
  if (!options.pictures.empty()) {
    check_can_draw_pictures();
  }
  std::vector<Input> read;
  for (const fs::path& file : options.files) {
    read.push_back({"file", file});
  }
  const Outputs outputs({{options.out, OutputKind::kPage}, {options.pictures, OutputKind::kFolder}},
                        read);
  ReportInputs inputs = read_report_inputs(options);
  PlanReport report(options, inputs);
  const std::string page = report.make();
  const Outputs pictures(pictures_of(options, report), read);
  ReportResult result{.out = options.out,
                      .pictures = {},
                      .figures = {},
                      .measured = {},
                      .missing = report.missing()};
  if (!options.pictures.empty()) {
    const auto total = static_cast<std::int64_t>(report.drawings().size());
    const auto tell = [&](std::int64_t done) {
      if (drawn) {
        drawn(done, total);
      }
    };
    for (const Figure& figure : report.drawings()) {
      tell(static_cast<std::int64_t>(result.pictures.size()));
      result.pictures.push_back(options.pictures / (figure.name + ".png"));
      write_figure(result.pictures.back(), figure);
    }
    tell(total);
    if (report.maps()) {
      result.pictures.push_back(options.pictures / "attention_maps.png");
      media::write_png(result.pictures.back(), *report.maps());
    }
  }
  write_file(options.out, page);
  result.figures = std::move(inputs.figures);
  result.measured = std::move(inputs.measured);
  return result;
}

std::string describe(const ReportResult& result) {
  std::string text = concat(result.out.string(), "\ndensity ", fixed(result.figures.density, 3),
                            ", predicted error ", short_number(result.figures.predicted_error),
                            " (", run_text(result.figures.run), ")\n");
  for (const MeasuredPlan& one : result.measured) {
    text += concat(
        one.name, ": PSNR mean ", fixed(one.summary.psnr_db, 2), " dB, worst ",
        fixed(one.summary.psnr_db_worst, 2), " dB",
        one.summary.speedup ? concat(", speed-up ", fixed(*one.summary.speedup, 2), "x") : "",
        "\n");
  }
  for (const std::string& line : result.missing) {
    text += line + "\n";
  }
  return text;
}

std::string to_json(const ReportResult& result) {
  json pictures = json::array();
  for (const fs::path& file : result.pictures) {
    pictures.push_back(file.string());
  }
  json layers = json::array();
  for (const LayerFigures& layer : result.figures.layers) {
    layers.push_back({{"layer", layer.name},
                      {"dense_cost", layer.dense_cost},
                      {"plan_cost", layer.plan_cost},
                      {"error", std::accumulate(layer.error.begin(), layer.error.end(), 0.0)}});
  }
  json forwards = json::array();
  for (const search::Forward& forward : result.figures.run.forwards) {
    forwards.push_back(
        {{"t", forward.t},
         {"expert", forward.expert},
         {"weight", forward.weight * search::weight_at(result.figures.weight, forward.t)}});
  }
  json measured = json::array();
  for (const MeasuredPlan& one : result.measured) {
    measured.push_back({{"plan", one.name},
                        {"density", one.report.density},
                        {"psnr_db", number(one.summary.psnr_db)},
                        {"psnr_db_worst", number(one.summary.psnr_db_worst)},
                        {"mse", one.mean_mse},
                        {"speedup", or_null(one.summary.speedup)},
                        {"speedup_over_own_dense", or_null(one.summary.speedup_over_own_dense)},
                        {"plan_took_part", took_part(one.report.attention)},
                        {"why_plan_took_no_part", text_or_null(one.report.why_no_part)},
                        {"predicted_error", one.figures.predicted_error}});
  }
  return json_dump(json{{"report", result.out.string()},
                        {"pictures", pictures},
                        {"density", result.figures.density},
                        {"predicted_error", result.figures.predicted_error},
                        {"cost", result.figures.cost},
                        {"dense_cost", result.figures.dense_cost},
                        {"cost_unit", result.figures.cost_is_time ? "ms" : "1e6 cells"},
                        {"forwards", forwards},
                        {"layers", layers},
                        {"measured", measured},
                        {"missing", result.missing}},
                   2) +
         "\n";
}

}  // namespace twill::report
