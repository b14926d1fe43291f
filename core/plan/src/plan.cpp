// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/plan.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "checks.h"
#include "facts_json.h"
#include "shortest.h"

namespace twill {
namespace {

// Names become keys of JSON objects and parts of paths.
void check_names(const std::vector<std::string>& names, std::size_t most, std::string_view where) {
  require(!names.empty(), ErrorCode::kFile, where, ": there are none");
  require(names.size() <= most, ErrorCode::kFile, where, ": ", names.size(), " are more than ",
          most);
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    require(!names[i].empty(), ErrorCode::kFile, where, "[", i, "]: the name is empty");
    require(
        std::none_of(names[i].begin(), names[i].end(), [](unsigned char c) { return c < 0x20; }),
        ErrorCode::kFile, where, "[", i, "]: the name holds a control character");
    require(seen.insert(names[i]).second, ErrorCode::kFile, where, "[", i, "]: \"", names[i],
            "\" is there twice");
  }
}

void check_within(std::int32_t value, std::int32_t most, const std::string& path) {
  require(value >= 1 && value <= most, ErrorCode::kFile, path, ": ", value, " is outside 1..",
          most);
}

void check_segment_heads(const Plan& plan, const Segment& segment, const std::string& path) {
  const std::vector<std::string>& experts = plan.model.experts;
  if (segment.dense) {
    require(segment.heads.empty(), ErrorCode::kFile, path, ".heads: a dense segment has none");
    return;
  }
  require(segment.heads.size() == experts.size(), ErrorCode::kFile, path,
          ".heads: ", segment.heads.size(), " experts, but the model has ", experts.size());
  const auto heads = static_cast<std::size_t>(plan.model.heads_total());
  for (std::size_t expert = 0; expert < experts.size(); ++expert) {
    const std::vector<HeadPlan>& table = segment.heads[expert];
    require(table.size() == heads, ErrorCode::kFile, path, ".heads.", experts[expert], ": ",
            table.size(), " heads, but the model has ", heads);
    std::size_t at = 0;
    for (const StackShape& stack : plan.model.stacks) {
      for (std::int32_t layer = 0; layer < stack.layers; ++layer) {
        for (std::int32_t head = 0; head < stack.heads; ++head, ++at) {
          const auto patterns = static_cast<std::int64_t>(plan.patterns.size());
          const std::int32_t pattern = table[at].pattern;
          require(pattern >= 0 && pattern < patterns, ErrorCode::kFile, path, ".heads.",
                  experts[expert], ".", stack.name, "[", layer, "][", head, "]: pattern ", pattern,
                  " is not one of 0..", patterns - 1);
          require(static_cast<std::size_t>(table[at].precision) < kPrecisionNames.size(),
                  ErrorCode::kFile, path, ".heads.", experts[expert], ".", stack.name, "[", layer,
                  "][", head, "]: unknown precision ", static_cast<int>(table[at].precision));
        }
      }
    }
  }
}

void check_segments(const Plan& plan, std::string_view where) {
  const std::string path = join_path(where, "segments");
  require(!plan.segments.empty(), ErrorCode::kFile, path, ": there are none");
  require(plan.segments.size() <= kMostSegments, ErrorCode::kFile, path, ": ", plan.segments.size(),
          " are more than ", kMostSegments);
  double covered = 0.0;
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const Segment& segment = plan.segments[i];
    const std::string at = concat(path, "[", i, "]");
    for (const auto& [name, value] :
         {std::pair{".t_begin", segment.t_begin}, std::pair{".t_end", segment.t_end}}) {
      require(value >= 0.0 && value <= 1.0, ErrorCode::kFile, at, name, ": ", shortest(value),
              " is outside 0..1");
    }
    require(segment.t_begin == covered, ErrorCode::kFile, at,
            ".t_begin: ", shortest(segment.t_begin),
            segment.t_begin > covered ? " leaves a gap above " : " overlaps what is covered up to ",
            shortest(covered));
    require(segment.t_end > segment.t_begin, ErrorCode::kFile, at,
            ".t_end: ", shortest(segment.t_end), " is not above the begin, ",
            shortest(segment.t_begin));
    covered = segment.t_end;
    check_segment_heads(plan, segment, at);
  }
  require(covered == 1.0, ErrorCode::kFile, path, "[", plan.segments.size() - 1,
          "].t_end: ", shortest(covered), " leaves a gap below 1");
}

}  // namespace

std::string join_path(std::string_view where, std::string_view name) {
  const bool first = where.empty() || where.ends_with(' ');  // "", or "my.json: "
  return concat(where, first ? "" : ".", name);
}

std::int32_t ModelShape::heads_total() const {
  std::int32_t total = 0;
  for (const StackShape& stack : stacks) {
    total += stack.layers * stack.heads;
  }
  return total;
}

std::int32_t head_index(const ModelShape& model, std::int32_t stack, std::int32_t layer,
                        std::int32_t head) {
  const auto stacks = static_cast<std::int32_t>(model.stacks.size());
  require(stack >= 0 && stack < stacks, ErrorCode::kModel, "stack ", stack, " is not one of 0..",
          stacks - 1);
  const StackShape& shape = model.stacks[stack];
  require(layer >= 0 && layer < shape.layers, ErrorCode::kModel, "layer ", layer,
          " is not one of 0..", shape.layers - 1, " of ", shape.name);
  require(head >= 0 && head < shape.heads, ErrorCode::kModel, "head ", head, " is not one of 0..",
          shape.heads - 1, " of ", shape.name);
  std::int32_t index = layer * shape.heads + head;
  for (std::int32_t i = 0; i < stack; ++i) {
    index += model.stacks[i].layers * model.stacks[i].heads;
  }
  return index;
}

void check_model_at(const ModelShape& model, std::string_view where) {
  require(!model.family.empty(), ErrorCode::kFile, join_path(where, "family"), ": it is empty");
  check_names(model.experts, kMostExperts, join_path(where, "experts"));
  std::vector<std::string> stacks;
  for (const StackShape& stack : model.stacks) {
    stacks.push_back(stack.name);
  }
  check_names(stacks, kMostStacks, join_path(where, "stacks"));
  for (std::size_t i = 0; i < model.stacks.size(); ++i) {
    const std::string path = concat(join_path(where, "stacks"), "[", i, "]");
    check_within(model.stacks[i].layers, kMostLayers, path + ".layers");
    check_within(model.stacks[i].heads, kMostHeads, path + ".heads");
  }
  check_within(model.head_dim, kMostHeadDim, join_path(where, "head_dim"));
}

void check_provenance_at(const std::map<std::string, std::string>& provenance,
                         std::string_view where) {
  require(provenance.size() <= kMostProvenance, ErrorCode::kFile, join_path(where, "provenance"),
          ": ", provenance.size(), " entries are more than ", kMostProvenance);
}

void check_same_model(const ModelShape& mine, const ModelShape& other, std::string_view where) {
  const auto same = [&](bool equal, std::string_view field, const auto& a, const auto& b) {
    require(equal, ErrorCode::kModel, join_path(where, field), ": ", a, " is not the model's ", b);
  };
  const auto listed = [](const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
      text += (text.empty() ? "" : ", ") + name;
    }
    return text;
  };
  const auto shapes = [](const ModelShape& model) {
    std::string text;
    for (const StackShape& stack : model.stacks) {
      text += concat(text.empty() ? "" : ", ", stack.name, " ", stack.layers, " layers x ",
                     stack.heads, " heads");
    }
    return text;
  };
  same(mine.family == other.family, "family", mine.family, other.family);
  same(mine.experts == other.experts, "experts", listed(mine.experts), listed(other.experts));
  same(mine.stacks == other.stacks, "stacks", shapes(mine), shapes(other));
  same(mine.head_dim == other.head_dim, "head_dim", mine.head_dim, other.head_dim);
}

void check_plan_tables(const Plan& plan, std::string_view where) {
  check_model_at(plan.model, join_path(where, "model"));
  require(plan.patterns.size() <= kMostPatterns, ErrorCode::kFile, join_path(where, "patterns"),
          ": ", plan.patterns.size(), " are more than ", kMostPatterns);
  for (std::size_t i = 0; i < plan.patterns.size(); ++i) {
    check_pattern(plan.patterns[i], concat(join_path(where, "patterns"), "[", i, "]"));
  }
  check_segments(plan, where);
  check_facts_at(plan, where);
  check_provenance_at(plan.provenance, where);
}

void check_plan(const Plan& plan) {
  check_plan_tables(plan, "");
  if (plan.profile) {
    check_profile_at(*plan.profile, "profile");
    check_profile_model(*plan.profile, plan.model, "profile");
  }
}

void check_plan_fits(const Plan& plan, const ModelShape& model) {
  check_same_model(plan.model, model, "plan.model");
}

void check_t(double t) {
  constexpr double kRounding = 1e-6;
  require(t >= -kRounding && t <= 1.0 + kRounding, ErrorCode::kUsage, "t ", t,
          " is not within 0..1 (a model's timestep divided by its training range)");
}

std::int32_t segment_at(const Plan& plan, double t) {
  TWILL_ASSERT(!plan.segments.empty());
  check_t(t);
  const auto found = std::find_if(plan.segments.begin(), plan.segments.end(),
                                  [t](const Segment& segment) { return t <= segment.t_end; });
  return static_cast<std::int32_t>(
      std::min<std::ptrdiff_t>(found - plan.segments.begin(), std::ssize(plan.segments) - 1));
}

}  // namespace twill
