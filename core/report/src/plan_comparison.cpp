// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/plan_comparison.h"

#include <set>

#include "json.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_view.h"

namespace twill::report {
namespace {

// The lists of differences name the expert even where there is one.
std::string head_name(const ModelShape& model, std::size_t expert, std::size_t head) {
  return concat(model.experts.size() > 1 ? "" : model.experts[expert] + " ",
                head_label(model, expert, head));
}

bool differ(const Plan& before, std::size_t old_segment, const Plan& after, std::size_t new_segment,
            std::size_t expert, std::size_t head) {
  return pattern_at(before, old_segment, expert, head) !=
             pattern_at(after, new_segment, expert, head) ||
         precision_at(before, old_segment, expert, head) !=
             precision_at(after, new_segment, expert, head);
}

std::vector<std::size_t> heads_that_differ(const Plan& before, std::size_t old_segment,
                                           const Plan& after, std::size_t new_segment) {
  std::vector<std::size_t> found;
  const auto heads = static_cast<std::size_t>(before.model.heads_total());
  for (std::size_t expert = 0; expert < before.model.experts.size(); ++expert) {
    for (std::size_t head = 0; head < heads; ++head) {
      if (differ(before, old_segment, after, new_segment, expert, head)) {
        found.push_back(expert * heads + head);
      }
    }
  }
  return found;
}

// Figures of both from one profile: the newer plan's where it knows the patterns of both.
void add_figures(PlanDifference& difference, const RunOptions& options) {
  difference.why_no_figures = "neither plan holds a profile";
  for (const std::shared_ptr<const Plan>& plan : {difference.after, difference.before}) {
    if (plan->profile == nullptr) {
      continue;
    }
    try {
      const FiguresRun run = run_of(*plan, options, concat("plan \"", plan->name, "\""));
      PlanFigures before = figures_of(difference.before, plan->profile, run);
      PlanFigures after = figures_of(difference.after, plan->profile, run);
      difference.before_figures = std::move(before);
      difference.after_figures = std::move(after);
      difference.why_no_figures.clear();
      return;
    } catch (const Error& error) {
      // What was asked for wrongly is no reason to go on.
      if (error.code() == ErrorCode::kUsage) {
        throw;
      }
      difference.why_no_figures = error.what();
    }
  }
}

json to_json_value(const std::vector<HeadDifference>& differences) {
  json list = json::array();
  for (const HeadDifference& difference : differences) {
    list.push_back({{"t_begin", difference.t_begin},
                    {"t_end", difference.t_end},
                    {"head", difference.head},
                    {"before", difference.before},
                    {"after", difference.after}});
  }
  return json{{"differences", list}};
}

}  // namespace

std::vector<HeadDifference> differences(const Plan& before, const Plan& after) {
  check_plan_fits(after, before.model);
  std::set<double> edges;
  for (const Plan* plan : {&before, &after}) {
    for (const Segment& segment : plan->segments) {
      edges.insert(segment.t_begin);
      edges.insert(segment.t_end);
    }
  }
  std::vector<HeadDifference> found;
  const std::size_t heads = static_cast<std::size_t>(before.model.heads_total());
  for (auto begin = edges.begin(); std::next(begin) != edges.end(); ++begin) {
    const double end = *std::next(begin);
    const auto old_segment = static_cast<std::size_t>(segment_at(before, end));
    const auto new_segment = static_cast<std::size_t>(segment_at(after, end));
    for (std::size_t expert = 0; expert < before.model.experts.size(); ++expert) {
      for (std::size_t head = 0; head < heads; ++head) {
        if (differ(before, old_segment, after, new_segment, expert, head)) {
          found.push_back({*begin, end, head_name(before.model, expert, head),
                           describe_head(before, old_segment, expert, head),
                           describe_head(after, new_segment, expert, head)});
        }
      }
    }
  }
  return found;
}

PlanDifference compare_plans(std::shared_ptr<const Plan> before, std::shared_ptr<const Plan> after,
                             const RunOptions& options) {
  check_plan_fits(*after, before->model);
  std::set<double> edges;
  for (const std::shared_ptr<const Plan>& plan : {before, after}) {
    for (const Segment& segment : plan->segments) {
      edges.insert(segment.t_begin);
      edges.insert(segment.t_end);
    }
  }
  PlanDifference difference{.before = std::move(before), .after = std::move(after)};
  for (auto end = edges.rbegin(); std::next(end) != edges.rend(); ++end) {
    const std::int32_t old_index = segment_at(*difference.before, *end);
    const std::int32_t new_index = segment_at(*difference.after, *end);
    difference.stretches.push_back(
        {.t_begin = *std::next(end),
         .t_end = *end,
         .before = old_index,
         .after = new_index,
         .heads = heads_that_differ(*difference.before, static_cast<std::size_t>(old_index),
                                    *difference.after, static_cast<std::size_t>(new_index))});
  }
  add_figures(difference, options);
  return difference;
}

std::string to_json(const PlanDifference& difference) {
  json value = to_json_value(differences(*difference.before, *difference.after));
  if (difference.before_figures) {
    const PlanFigures& before = *difference.before_figures;
    const PlanFigures& after = *difference.after_figures;
    value["change"] = {{"predicted_error", {before.predicted_error, after.predicted_error}},
                       {"density", {before.density, after.density}},
                       {"cost", {before.cost, after.cost}},
                       {"cost_unit", before.cost_is_time ? "ms" : "1e6 cells"}};
  } else {
    value["change"] = nullptr;
    value["why_no_change"] = difference.why_no_figures;
  }
  return json_dump(value, 2) + "\n";
}

}  // namespace twill::report
