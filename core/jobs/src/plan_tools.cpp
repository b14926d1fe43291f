// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/plan_tools.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "clip_files.h"
#include "json.h"
#include "twill/engine/model.h"
#include "twill/jobs/heads_picture.h"
#include "twill/jobs/plan_figures.h"
#include "twill/media/png.h"
#include "twill/plan/compile.h"
#include "twill/plan/experts.h"
#include "twill/plan/plan_facts.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/plan_view.h"
#include "twill/search/solved_for.h"

namespace twill::jobs {
namespace {

// The lists of differences name the expert even where there is one.
std::string head_name(const ModelShape& model, std::size_t expert, std::size_t head) {
  return concat(model.experts.size() > 1 ? "" : model.experts[expert] + " ",
                head_label(model, expert, head));
}

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
                        {"layout", layout},
                        {"segments", segments},
                        {"has_profile", summary.has_profile},
                        {"provenance", provenance}},
                   2) +
         "\n";
}

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
        const Pattern& old_pattern = pattern_at(before, old_segment, expert, head);
        const Pattern& new_pattern = pattern_at(after, new_segment, expert, head);
        if (old_pattern != new_pattern) {
          found.push_back({*begin, end, head_name(before.model, expert, head),
                           twill::describe(old_pattern), twill::describe(new_pattern)});
        }
      }
    }
  }
  return found;
}

std::string to_json(const std::vector<HeadDifference>& differences) {
  json list = json::array();
  for (const HeadDifference& difference : differences) {
    list.push_back({{"t_begin", difference.t_begin},
                    {"t_end", difference.t_end},
                    {"head", difference.head},
                    {"before", difference.before},
                    {"after", difference.after}});
  }
  return json_dump(json{{"differences", list}}, 2) + "\n";
}

void write_heads_picture(const Plan& plan, const std::filesystem::path& file) {
  require(plan.profile != nullptr && plan.profile->map_size > 0, ErrorCode::kModel,
          "no picture: the plan \"", plan.name, "\" holds no attention maps");
  media::write_png(
      file, draw_heads(*plan.profile, &plan, static_cast<std::int32_t>(widest_segment(plan))));
}

void check_plan_for_model(const std::filesystem::path& plan, const std::filesystem::path& model) {
  const Plan read = read_plan(plan);
  const engine::VideoModel loaded = engine::inspect_model(model);
  try {
    check_plan_fits(read, loaded.shape());
  } catch (const Error& error) {
    throw Error(error.code(), concat(plan.string(), ": ", error.what()));
  }
}

TokenLayout parse_layout(const std::string& text) {
  TokenLayout layout;
  char rest = '\0';
  require(std::sscanf(text.c_str(), "%5dx%5dx%5d%c", &layout.frames, &layout.rows, &layout.cols,
                      &rest) == 3,
          ErrorCode::kUsage, "layout \"", text,
          "\" is not FRAMESxROWSxCOLUMNS in tokens, such as 13x16x16");
  check_layout(layout);
  return layout;
}

}  // namespace twill::jobs
