// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/plan_summary.h"

#include <cstdio>

#include "json.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/plan/experts.h"
#include "twill/plan/plan_facts.h"
#include "twill/plan/plan_view.h"
#include "twill/report/plan_figures.h"
#include "twill/search/solved_for.h"

namespace twill::report {
namespace {

std::string three_digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

ExpertSummary summarise_expert(const Plan& plan, std::size_t segment, std::int32_t expert) {
  const auto index = static_cast<std::size_t>(expert);
  ExpertSummary summary{.name = plan.model.experts[index], .heads = {}, .density = {}};
  const auto heads = static_cast<std::size_t>(plan.model.heads_total());
  for (std::size_t head = 0; head < heads; ++head) {
    ++summary.heads[std::string(pattern_name(pattern_at(plan, segment, index, head).kind))];
  }
  return summary;
}

// "diagonal 3, skip 1; density 0.125"
std::string describe(const ExpertSummary& expert, bool dense) {
  std::string kinds;
  for (const auto& [name, count] : expert.heads) {
    kinds += concat(kinds.empty() ? "" : ", ", name, " ", count);
  }
  return concat(dense ? "dense" : kinds,
                expert.density ? "; density " + three_digits(*expert.density) : "");
}

json to_json(const ExpertSummary& expert) {
  return {{"heads", expert.heads},
          {"density", expert.density ? json(*expert.density) : json(nullptr)}};
}

}  // namespace

PlanSummary summarise(const Plan& plan, const std::optional<TokenLayout>& layout) {
  PlanSummary summary{.name = plan.name,
                      .model = plan.model,
                      .patterns = plan.patterns.size(),
                      .precision = precision_counts(plan),
                      .layout = layout,
                      .has_profile = plan.profile != nullptr,
                      .provenance = shown_facts(plan)};
  if (!layout && plan.profile != nullptr) {
    summary.layout = solved_layout(*plan.profile, search::solved_for(plan));
  }
  std::optional<CompiledPlan> compiled;
  if (summary.layout) {
    compiled.emplace(plan, *summary.layout);
  }
  summary.experts_known =
      plan.model.experts.size() == 1 || (plan.model.experts.size() == 2 && expert_boundary(plan));
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const Segment& segment = plan.segments[i];
    SegmentSummary line{.t_begin = segment.t_begin, .t_end = segment.t_end, .dense = segment.dense};
    for (const std::int32_t expert : experts_within(plan, segment.t_begin, segment.t_end)) {
      line.experts.push_back(summarise_expert(plan, i, expert));
      if (compiled) {
        line.experts.back().density = compiled->density(static_cast<std::int32_t>(i), expert);
      }
    }
    summary.segments.push_back(std::move(line));
  }
  return summary;
}

std::string describe(const PlanSummary& summary) {
  std::string text =
      concat(summary.name.empty() ? "(no name)" : summary.name, "\nmodel: ", summary.model.family,
             ", head_dim ", summary.model.head_dim);
  for (const StackShape& stack : summary.model.stacks) {
    text += concat(", ", stack.name, " ", stack.layers, " layers x ", stack.heads, " heads");
  }
  text += concat("\npatterns: ", summary.patterns,
                 "; profile: ", summary.has_profile ? "yes" : "no", "\n");
  if (const std::string precision = twill::describe(summary.precision); !precision.empty()) {
    text += precision + "\n";
  }
  if (summary.layout) {
    text += concat("densities of one forward at ", summary.layout->frames, "x",
                   summary.layout->rows, "x", summary.layout->cols, " tokens\n");
  }
  if (!summary.experts_known) {
    text += concat("which expert runs at a t is not known (the plan says no ", kExpertBoundaryKey,
                   "): the lines hold each of them\n");
  }
  for (const SegmentSummary& segment : summary.segments) {
    text += concat("t (", segment.t_begin, ", ", segment.t_end, "]: ");
    for (const ExpertSummary& expert : segment.experts) {
      text += concat(&expert == segment.experts.data() ? "" : " | ",
                     summary.model.experts.size() > 1 ? expert.name + ": " : "",
                     describe(expert, segment.dense));
    }
    text += "\n";
  }
  for (const auto& [key, value] : summary.provenance) {
    text += concat(key, ": ", value, "\n");
  }
  return text;
}

std::string to_json(const PlanSummary& summary) {
  json segments = json::array();
  for (const SegmentSummary& segment : summary.segments) {
    json experts = json::object();
    for (const ExpertSummary& expert : segment.experts) {
      experts[expert.name] = to_json(expert);
    }
    json line = segment.experts.size() == 1
                    ? to_json(segment.experts.front())
                    : json{{"heads", nullptr}, {"density", nullptr}};  // of no one forward
    line.update({{"t_begin", segment.t_begin},
                 {"t_end", segment.t_end},
                 {"dense", segment.dense},
                 {"experts", experts}});
    segments.push_back(line);
  }
  json provenance = json::object();
  for (const auto& [key, value] : summary.provenance) {
    provenance[key] = value;
  }
  json layout = nullptr;
  if (summary.layout) {
    layout = {{"frames", summary.layout->frames},
              {"rows", summary.layout->rows},
              {"cols", summary.layout->cols}};
  }
  return json_dump(json{{"name", summary.name},
                        {"family", summary.model.family},
                        {"patterns", summary.patterns},
                        {"int8_heads", summary.precision.int8},
                        {"heads_with_keys", summary.precision.with_keys},
                        {"layout", layout},
                        {"segments", segments},
                        {"has_profile", summary.has_profile},
                        {"provenance", provenance}},
                   2) +
         "\n";
}

}  // namespace twill::report
