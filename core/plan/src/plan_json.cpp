// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <map>

#include "checked_json.h"
#include "checks.h"
#include "facts_json.h"
#include "json_text.h"
#include "pattern_json.h"
#include "profile_json.h"
#include "shortest.h"
#include "twill/plan/names.h"
#include "twill/plan/outputs.h"
#include "twill/plan/plan_facts.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/text.h"
#include "twill/plan/whole_files.h"

namespace twill {
namespace {

constexpr std::uint64_t kMostPlanBytes = std::uint64_t{64} << 20;

// 3, or {"pattern": 3, "precision": "int8"}
HeadPlan read_head(const JsonValue& value, std::size_t patterns) {
  HeadPlan head;
  if (value.is_object()) {
    value.check_fields({"pattern", "precision"});
    head.pattern = value.at("pattern").as_int();
    head.precision = read_named(value.at("precision"), kPrecisionNames, "precision");
  } else {
    head.pattern = value.as_int();
  }
  if (head.pattern < 0 || static_cast<std::size_t>(head.pattern) >= patterns) {
    value.fail("pattern ", head.pattern, " is not one of 0..",
               static_cast<std::int64_t>(patterns) - 1);
  }
  return head;
}

void append_stack(const JsonValue& layers, const StackShape& stack, std::size_t patterns,
                  std::vector<HeadPlan>& heads) {
  const auto check_size = [](const JsonValue& value, std::int32_t wanted, std::string_view what) {
    const std::size_t size = value.size_up_to(std::max(kMostLayers, kMostHeads));
    if (size != static_cast<std::size_t>(wanted)) {
      value.fail(size, " ", what, ", but the stack has ", wanted);
    }
  };
  check_size(layers, stack.layers, "layers");
  for (std::int32_t layer = 0; layer < stack.layers; ++layer) {
    const JsonValue row = layers[layer];
    check_size(row, stack.heads, "heads");
    for (std::int32_t head = 0; head < stack.heads; ++head) {
      heads.push_back(read_head(row[head], patterns));
    }
  }
}

Segment read_segment(const JsonValue& value, const ModelShape& model, std::size_t patterns) {
  value.check_fields({"t_begin", "t_end", "dense", "heads"});
  Segment segment{.t_begin = value.at("t_begin").as_number(),
                  .t_end = value.at("t_end").as_number()};
  const std::optional<JsonValue> is_dense = value.find("dense");
  segment.dense = is_dense && is_dense->as_bool();
  if (segment.dense) {
    if (const auto heads = value.find("heads")) {
      heads->fail("a dense segment has none");
    }
    return segment;
  }
  const JsonValue experts = value.at("heads");
  experts.check_fields(model.experts);
  std::vector<std::string> stack_names;
  for (const StackShape& stack : model.stacks) {
    stack_names.push_back(stack.name);
  }
  for (const std::string& expert : model.experts) {
    const JsonValue stacks = experts.at(expert);
    stacks.check_fields(stack_names);
    std::vector<HeadPlan>& heads = segment.heads.emplace_back();
    for (const StackShape& stack : model.stacks) {
      append_stack(stacks.at(stack.name), stack, patterns, heads);
    }
  }
  return segment;
}

std::string head_text(const HeadPlan& head) {
  if (head.precision == Precision::kBf16) {
    return std::to_string(head.pattern);
  }
  return concat("{\"pattern\": ", head.pattern, ", \"precision\": \"",
                name_in(kPrecisionNames, head.precision), "\"}");
}

std::string segment_text(const Segment& segment, const ModelShape& model, std::size_t indent) {
  ObjectWriter object(indent);
  object.add("t_begin", shortest(segment.t_begin));
  object.add("t_end", shortest(segment.t_end));
  if (segment.dense) {
    object.add("dense", "true");
    return object.text();
  }
  ObjectWriter experts(indent + 2);
  for (std::size_t expert = 0; expert < model.experts.size(); ++expert) {
    ObjectWriter stacks(indent + 4);
    auto head = segment.heads[expert].begin();
    for (const StackShape& stack : model.stacks) {
      std::vector<std::string> layers;
      for (std::int32_t layer = 0; layer < stack.layers; ++layer) {
        std::vector<std::string> row;
        std::transform(head, head + stack.heads, std::back_inserter(row), head_text);
        head += stack.heads;
        layers.push_back(one_line_array(row));
      }
      stacks.add(stack.name, lines_array(layers, indent + 6));
    }
    experts.add(model.experts[expert], stacks.text());
  }
  object.add("heads", experts.text());
  return object.text();
}

bool has_precision(const Plan& plan) {
  return std::ranges::any_of(plan.segments, [](const Segment& segment) {
    return std::ranges::any_of(segment.heads, [](const std::vector<HeadPlan>& heads) {
      return std::ranges::any_of(
          heads, [](const HeadPlan& head) { return head.precision != Precision::kBf16; });
    });
  });
}

// The oldest that has all fields of the plan: older programs read as much as they can.
std::int32_t minor_of(const Plan& plan) {
  return std::max({plan.schema_minor, has_facts(plan) ? kFactsMinor : 0,
                   has_precision(plan) ? kPrecisionMinor : 0,
                   plan.profile ? minor_of(*plan.profile) : 0});
}

}  // namespace

Plan parse_plan(std::string_view text, const std::string& file_name) {
  require(text.size() <= kMostPlanBytes, ErrorCode::kFile, file_name, ": ", text.size(),
          " bytes are more than a plan's ", kMostPlanBytes);
  const nlohmann::json tree = parse_checked_json(text, file_name);
  const JsonValue root(tree, file_name);
  Plan plan;
  plan.schema_minor = read_schema_minor(root);
  plan.newer_fields = read_newer_fields(
      root, plan.schema_minor,
      {"schema_version", "name", "model", "patterns", "segments", "provenance", "profile"},
      {{"solved_for", kFactsMinor},
       {"budget", kFactsMinor},
       {"dense_first_layers", kFactsMinor},
       {"fixed_heads", kFactsMinor},
       {"expert_boundary", kFactsMinor}});
  plan.name = root.at("name").as_string();
  plan.model = read_model(root.at("model"));
  check_model_at(plan.model, root.at("model").path());
  plan.patterns = read_patterns(root.at("patterns"));
  const JsonValue segments = root.at("segments");
  const std::size_t count = segments.size_up_to(kMostSegments);
  for (std::size_t i = 0; i < count; ++i) {
    plan.segments.push_back(read_segment(segments[i], plan.model, plan.patterns.size()));
  }
  read_facts(root, plan);
  plan.provenance = read_provenance(root);
  check_plan_tables(plan, root.path());
  if (const auto profile = root.find("profile")) {
    plan.profile = std::make_shared<const Profile>(read_profile_value(*profile, plan.schema_minor));
    check_profile_model(*plan.profile, plan.model, profile->path());
  }
  return plan;
}

std::string plan_to_json(const Plan& plan) {
  check_plan(plan);
  ObjectWriter object(0);
  object.add("schema_version", schema_version_text(minor_of(plan)));
  object.add("name", quoted(plan.name, "name"));
  object.add("model", model_text(plan.model, "model"));
  object.add("patterns", patterns_text(plan.patterns, 2));
  std::vector<std::string> segments;
  for (const Segment& segment : plan.segments) {
    segments.push_back(segment_text(segment, plan.model, 4));
  }
  object.add("segments", lines_array(segments, 2));
  add_facts(plan, object);
  object.add("provenance", provenance_text(plan.provenance, 2, ""));
  if (plan.profile) {
    object.add("profile", profile_text(*plan.profile, 2, "profile", false));
  }
  for (const auto& [name, text] : plan.newer_fields) {
    object.add(name, text);
  }
  return object.text() + "\n";
}

Plan read_plan(const std::filesystem::path& file) {
  return parse_plan(read_text(file, kMostPlanBytes), file.string());
}

void write_plan(const std::filesystem::path& file, const Plan& plan) {
  check_replaceable(file, OutputKind::kPlan);
  const std::string text = plan_to_json(plan);
  require(text.size() <= kMostPlanBytes, ErrorCode::kFile, file.string(), ": ", text.size(),
          " bytes are more than a plan's ", kMostPlanBytes);
  write_file(file, text);
}

}  // namespace twill
