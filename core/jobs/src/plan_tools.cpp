// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/plan_tools.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "clip_files.h"
#include "json.h"
#include "search_record.h"
#include "twill/engine/model.h"
#include "twill/jobs/heads_picture.h"
#include "twill/plan/compile.h"
#include "twill/plan/plan_io.h"

namespace twill::jobs {
namespace {

std::string head_name(const ModelShape& model, std::size_t expert, std::size_t index) {
  for (const StackShape& stack : model.stacks) {
    const std::size_t count = static_cast<std::size_t>(stack.layers) * stack.heads;
    if (index < count) {
      return concat(model.experts[expert], " ", stack.name, ".", index / stack.heads, " head ",
                    index % stack.heads);
    }
    index -= count;
  }
  throw Error(ErrorCode::kModel, concat("head ", index, " is outside the model"));
}

const Pattern& pattern_at(const Plan& plan, const Segment& segment, std::size_t expert,
                          std::size_t head) {
  static const Pattern kDensePattern = dense();
  return segment.dense ? kDensePattern : plan.patterns[segment.heads[expert][head].pattern];
}

std::string three_digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

}  // namespace

PlanSummary summarise(const Plan& plan, const std::optional<TokenLayout>& layout) {
  PlanSummary summary{.name = plan.name,
                      .model = plan.model,
                      .patterns = plan.patterns.size(),
                      .layout = layout,
                      .has_profile = plan.profile != nullptr,
                      .provenance = plan.provenance};
  if (!layout && plan.profile != nullptr) {
    summary.layout = plan.profile->layout;
  }
  std::optional<CompiledPlan> compiled;
  if (summary.layout) {
    compiled.emplace(plan, *summary.layout);
  }
  const std::size_t heads = static_cast<std::size_t>(plan.model.heads_total());
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const Segment& segment = plan.segments[i];
    SegmentSummary line{.t_begin = segment.t_begin, .t_end = segment.t_end, .dense = segment.dense};
    double density = 0.0;
    for (std::size_t expert = 0; expert < plan.model.experts.size(); ++expert) {
      for (std::size_t head = 0; head < heads; ++head) {
        ++line.heads[std::string(pattern_name(pattern_at(plan, segment, expert, head).kind))];
      }
      if (compiled) {
        density +=
            compiled->density(static_cast<std::int32_t>(i), static_cast<std::int32_t>(expert));
      }
    }
    if (compiled) {
      line.density = density / static_cast<double>(plan.model.experts.size());
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
  for (const SegmentSummary& segment : summary.segments) {
    text += concat("t (", segment.t_begin, ", ", segment.t_end, "]: ");
    std::string kinds;
    for (const auto& [name, count] : segment.heads) {
      kinds += concat(kinds.empty() ? "" : ", ", name, " ", count);
    }
    text += segment.dense ? "dense" : kinds;
    if (segment.density) {
      text += "; density " + three_digits(*segment.density);
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
    json heads = json::object();
    for (const auto& [name, count] : segment.heads) {
      heads[name] = count;
    }
    segments.push_back({{"t_begin", segment.t_begin},
                        {"t_end", segment.t_end},
                        {"dense", segment.dense},
                        {"heads", heads},
                        {"density", segment.density ? json(*segment.density) : json(nullptr)}});
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
  return json{{"name", summary.name},         {"family", summary.model.family},
              {"patterns", summary.patterns}, {"layout", layout},
              {"segments", segments},         {"has_profile", summary.has_profile},
              {"provenance", provenance}}
             .dump(2) +
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
    const Segment& old_segment = before.segments[segment_at(before, end)];
    const Segment& new_segment = after.segments[segment_at(after, end)];
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
  return json{{"differences", list}}.dump(2) + "\n";
}

void write_heads_picture(const Plan& plan, const std::filesystem::path& file) {
  require(plan.profile != nullptr && plan.profile->map_size > 0, ErrorCode::kModel,
          "no picture: the plan \"", plan.name, "\" holds no attention maps");
  write_picture(file, draw_heads(*plan.profile, &plan, shown_segment(plan)));
}

void check_plan_for_model(const std::filesystem::path& plan, const std::filesystem::path& model) {
  const Plan read = read_plan(plan);
  const engine::VideoModel loaded = engine::load_model(model);
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
