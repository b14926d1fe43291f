// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Two plans as a page and a picture.
#include "twill/report/difference_report.h"

#include <algorithm>

#include "drawing/heads_map.h"
#include "drawing/page.h"
#include "report_pictures.h"
#include "report_settings.h"
#include "twill/plan/error.h"
#include "twill/plan/outputs.h"
#include "twill/plan/plan_facts.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/plan_view.h"
#include "twill/plan/whole_files.h"

namespace twill::report {
namespace {

namespace fs = std::filesystem;
using drawing::fixed;
using drawing::short_number;

std::string signed_percent(double before, double after) {
  if (before <= 0.0) {
    return after <= 0.0 ? "no change" : "from 0";
  }
  const double change = 100.0 * (after / before - 1.0);
  return concat(change >= 0.0 ? "+" : "", fixed(change, 1), " %");
}

std::string head_text(const Plan& plan, std::int32_t segment, std::size_t head) {
  const auto heads = static_cast<std::size_t>(plan.model.heads_total());
  return describe_head(plan, static_cast<std::size_t>(segment), head / heads, head % heads);
}

std::string unit_of(const PlanFigures& figures) {
  return figures.cost_is_time ? "ms" : "10⁶ cells";
}

std::vector<drawing::Tile> tiles_of(const PlanDifference& difference) {
  std::size_t heads = 0;
  for (const StretchDifference& stretch : difference.stretches) {
    heads += stretch.heads.size();
  }
  std::vector<drawing::Tile> tiles{
      {std::to_string(heads), "heads that differ",
       concat("over ", difference.stretches.size(), " stretches of t")}};
  if (!difference.before_figures) {
    return tiles;
  }
  const PlanFigures& before = *difference.before_figures;
  const PlanFigures& after = *difference.after_figures;
  const auto change = [](const std::string& name, double from, double to, const std::string& a,
                         const std::string& b, const std::string& unit) {
    return drawing::Tile{.value = signed_percent(from, to),
                         .name = name,
                         .note = concat(a, " to ", b, unit.empty() ? "" : " " + unit)};
  };
  tiles.push_back(change("predicted error", before.predicted_error, after.predicted_error,
                         short_number(before.predicted_error), short_number(after.predicted_error),
                         ""));
  tiles.push_back(change("density", before.density, after.density, fixed(before.density, 3),
                         fixed(after.density, 3), ""));
  tiles.push_back(change("cost of a forward", before.cost, after.cost, short_number(before.cost),
                         short_number(after.cost), unit_of(before)));
  return tiles;
}

// Error of one head in a segment, spread evenly over its steps: stretches are parts of segments.
std::string error_share(const PlanFigures& figures, std::int32_t segment, std::size_t head) {
  const SegmentFigures& from =
      figures.segments[figures.segments.size() - 1 - static_cast<std::size_t>(segment)];
  return short_number(from.heads[head].head_error);
}

drawing::Table heads_table(const PlanDifference& difference) {
  drawing::Table table{.head = {"head", "t", "before", "after"}, .rows = {}, .filter = true};
  const bool figures = difference.before_figures.has_value();
  if (figures) {
    table.head.insert(table.head.end(), {"head error before", "after"});
  }
  table.numbers_from = 4;
  const ModelShape& model = difference.before->model;
  const auto heads = static_cast<std::size_t>(model.heads_total());
  constexpr std::size_t kMost = 5000;
  for (const StretchDifference& stretch : difference.stretches) {
    for (const std::size_t head : stretch.heads) {
      if (table.rows.size() == kMost) {
        return table;
      }
      drawing::TableRow row{
          .cells = {head_label(model, head / heads, head % heads),
                    concat(short_number(stretch.t_end), " to ", short_number(stretch.t_begin)),
                    head_text(*difference.before, stretch.before, head),
                    head_text(*difference.after, stretch.after, head)},
          .kind = {}};
      if (figures) {
        row.cells.push_back(error_share(*difference.before_figures, stretch.before, head));
        row.cells.push_back(error_share(*difference.after_figures, stretch.after, head));
      }
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

std::vector<drawing::Figure> maps_of(const PlanDifference& difference) {
  std::vector<drawing::Figure> maps;
  const std::vector<std::string>& experts = difference.before->model.experts;
  for (std::size_t expert = 0; expert < experts.size(); ++expert) {
    maps.push_back(drawing::difference_map(difference, expert));
    if (experts.size() > 1) {
      maps.back().title += ": " + experts[expert];
    }
  }
  return maps;
}

std::string page_of(const DifferenceOptions& options, const PlanDifference& difference) {
  const std::string before = options.before.filename().string();
  const std::string after = options.after.filename().string();
  drawing::Page page(
      concat(before, " and ", after), "Twill: two plans compared",
      concat(difference.before->model.family,
             difference.before_figures ? "; " + run_text(difference.before_figures->run) : ""));
  page.tiles(tiles_of(difference));
  if (!difference.why_no_figures.empty()) {
    page.section(
        "No figures",
        concat("Error, density and cost are not compared: ", difference.why_no_figures, "."));
  }
  page.section("Heads", concat("Before: ", before, ". After: ", after, "."));
  for (const drawing::Figure& map : maps_of(difference)) {
    page.figures({map});
  }
  page.section("Heads that differ");
  page.table(heads_table(difference));
  page.section("Provenance");
  page.begin_columns();
  for (const auto& [name, plan] :
       {std::pair(before, difference.before), {after, difference.after}}) {
    if (plan == difference.after) {
      page.next_column();
    }
    page.paragraph(name);
    Facts facts{{"name", plan->name}};
    const std::map<std::string, std::string> shown = shown_facts(*plan);
    facts.insert(facts.end(), shown.begin(), shown.end());
    page.facts(facts);
  }
  page.end_columns();
  return page.finish();
}

}  // namespace

namespace {

// What does not fit is said with both files.
PlanDifference compared(const DifferenceOptions& options) {
  auto before = std::make_shared<const Plan>(read_plan(options.before));
  auto after = std::make_shared<const Plan>(read_plan(options.after));
  try {
    return compare_plans(std::move(before), std::move(after), options.run);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kModel) {
      throw;
    }
    throw Error(error.code(), concat(options.after.string(), " is no plan for the model of ",
                                     options.before.string(), ": ", error.what()));
  }
}

}  // namespace

PlanDifference write_difference(const DifferenceOptions& options) {
  const Outputs outputs({{options.out, OutputKind::kPage}, {options.picture, OutputKind::kPicture}},
                        {{"plan", options.before}, {"plan", options.after}});
  if (!options.picture.empty()) {
    check_can_draw_pictures();
  }
  PlanDifference difference = compared(options);
  if (!options.picture.empty()) {
    write_figure(options.picture, maps_of(difference).front());
  }
  if (!options.out.empty()) {
    write_file(options.out, page_of(options, difference));
  }
  return difference;
}

std::string describe_change(const PlanDifference& difference) {
  if (!difference.before_figures) {
    return concat("error, density and cost are not compared: ", difference.why_no_figures);
  }
  const PlanFigures& before = *difference.before_figures;
  const PlanFigures& after = *difference.after_figures;
  return concat("predicted error ", short_number(before.predicted_error), " -> ",
                short_number(after.predicted_error), ", density ", fixed(before.density, 3), " -> ",
                fixed(after.density, 3), ", cost of a forward ", short_number(before.cost), " -> ",
                short_number(after.cost), before.cost_is_time ? " ms" : " million cells", " (",
                run_text(before.run), ")");
}

}  // namespace twill::report
