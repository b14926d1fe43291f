// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "facts_json.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "checks.h"
#include "shortest.h"
#include "twill/plan/error.h"
#include "twill/plan/text.h"

namespace twill {
namespace {

constexpr std::size_t kMostWordBytes = 64;
constexpr std::int32_t kMostSteps = 1000;
constexpr double kMostGoal = 1000.0;  // decibels or a ratio

std::vector<double> read_numbers(const JsonValue& value, std::size_t most) {
  std::vector<double> numbers(value.size_up_to(most));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = value[i].as_number();
  }
  return numbers;
}

template <typename Numbers>
std::string numbers_text(const Numbers& numbers) {
  std::vector<std::string> texts;
  for (const auto number : numbers) {
    texts.push_back(shortest(static_cast<double>(number)));
  }
  return one_line_array(texts);
}

std::optional<double> number_in(const JsonValue& value, std::string_view field) {
  const std::optional<JsonValue> found = value.find(field);
  return found ? std::optional(found->as_number()) : std::nullopt;
}

std::optional<std::string> word_in(const JsonValue& value, std::string_view field) {
  const std::optional<JsonValue> found = value.find(field);
  return found ? std::optional(found->as_string()) : std::nullopt;
}

RunFacts read_run(const JsonValue& value) {
  value.check_fields({"t", "expert", "weight", "sampler", "scheduler", "shift", "grid", "steps"});
  RunFacts run{.t = read_numbers(value.at("t"), kMostForwards),
               .expert = {},
               .weight = {},
               .sampler = word_in(value, "sampler"),
               .scheduler = word_in(value, "scheduler"),
               .shift = number_in(value, "shift"),
               .steps = value.at("steps").as_int()};
  if (const auto experts = value.find("expert")) {
    run.expert.resize(experts->size_up_to(kMostForwards));
    for (std::size_t i = 0; i < run.expert.size(); ++i) {
      run.expert[i] = (*experts)[i].as_int();
    }
  }
  if (const auto weight = value.find("weight")) {
    run.weight = read_numbers(*weight, kMostForwards);
  }
  const JsonValue grid = value.at("grid");
  grid.check_fields({"frames", "rows", "cols"});
  run.grid = {grid.at("frames").as_int(), grid.at("rows").as_int(), grid.at("cols").as_int()};
  return run;
}

std::string run_text(const RunFacts& run, std::size_t indent, const std::string& path) {
  ObjectWriter object(indent);
  object.add("t", numbers_text(run.t));
  if (!run.expert.empty()) {
    object.add("expert", numbers_text(run.expert));
  }
  if (!run.weight.empty()) {
    object.add("weight", numbers_text(run.weight));
  }
  if (run.sampler) {
    object.add("sampler", quoted(*run.sampler, path + ".sampler"));
  }
  if (run.scheduler) {
    object.add("scheduler", quoted(*run.scheduler, path + ".scheduler"));
  }
  if (run.shift) {
    object.add("shift", shortest(*run.shift));
  }
  object.add("grid", concat("{\"frames\": ", run.grid[0], ", \"rows\": ", run.grid[1],
                            ", \"cols\": ", run.grid[2], "}"));
  object.add("steps", std::to_string(run.steps));
  return object.text();
}

Budget read_budget(const JsonValue& value) {
  value.check_fields({"goal", "value", "density"});
  return {.goal = read_named(value.at("goal"), kGoalNames, "goal"),
          .value = value.at("value").as_number(),
          .density = number_in(value, "density")};
}

std::string budget_text(const Budget& budget) {
  return concat("{\"goal\": \"", goal_name(budget.goal), "\", \"value\": ", shortest(budget.value),
                budget.density ? concat(", \"density\": ", shortest(*budget.density)) : "", "}");
}

template <typename Names>
std::int32_t read_index(const JsonValue& value, const Names& names, std::string_view what) {
  const auto found = std::find(names.begin(), names.end(), value.as_string());
  if (found == names.end()) {
    value.fail("the model has no ", what, " ", value.shown());
  }
  return static_cast<std::int32_t>(found - names.begin());
}

std::vector<std::string> stack_names(const ModelShape& model) {
  std::vector<std::string> names;
  for (const StackShape& stack : model.stacks) {
    names.push_back(stack.name);
  }
  return names;
}

// {"expert": "low_noise", "stack": "blocks", "layer": 3, "head": 0}; the expert of a model with one
// may be left out.
FixedHead read_fixed(const JsonValue& value, const ModelShape& model) {
  value.check_fields({"expert", "stack", "layer", "head"});
  FixedHead head{.stack = read_index(value.at("stack"), stack_names(model), "stack"),
                 .layer = value.at("layer").as_int(),
                 .head = value.at("head").as_int()};
  const std::optional<JsonValue> expert = value.find("expert");
  if (expert || model.experts.size() > 1) {
    head.expert = read_index(value.at("expert"), model.experts, "expert");
  }
  return head;
}

std::string fixed_text(const FixedHead& head, const ModelShape& model) {
  const auto name = [](const std::string& text) { return quoted(text, "fixed_heads"); };
  return concat(
      "{",
      model.experts.size() > 1
          ? concat("\"expert\": ", name(model.experts[static_cast<std::size_t>(head.expert)]), ", ")
          : "",
      "\"stack\": ", name(model.stacks[static_cast<std::size_t>(head.stack)].name),
      ", \"layer\": ", head.layer, ", \"head\": ", head.head, "}");
}

void check_word(const std::optional<std::string>& word, const std::string& path) {
  if (!word) {
    return;
  }
  require(!word->empty(), ErrorCode::kFile, path, ": it is empty");
  require(word->size() <= kMostWordBytes, ErrorCode::kFile, path, ": ", word->size(),
          " bytes are more than ", kMostWordBytes);
  require(is_utf8(*word), ErrorCode::kFile, path, ": the text is not UTF-8");
  require(std::none_of(word->begin(), word->end(), [](unsigned char c) { return c < 0x20; }),
          ErrorCode::kFile, path, ": the text holds a control character");
}

void check_weights(const std::vector<double>& weight, std::size_t expected,
                   const std::string& path) {
  require(weight.size() == expected, ErrorCode::kFile, path, ": ", weight.size(), " values, not ",
          expected);
  for (std::size_t i = 0; i < weight.size(); ++i) {
    require(std::isfinite(weight[i]) && weight[i] >= 0.0, ErrorCode::kFile, path, "[", i,
            "]: ", shortest(weight[i]), " is not a finite number of at least 0");
  }
}

void check_share(double value, const std::string& path) {
  require(value > 0.0 && value <= 1.0, ErrorCode::kFile, path, ": ", shortest(value),
          " is not in (0, 1]");
}

void check_within_one(double value, const std::string& path) {
  require(value >= 0.0 && value <= 1.0, ErrorCode::kFile, path, ": ", shortest(value),
          " is outside 0..1");
}

// `rising`: from each to the next, else falling; equal ones only where they fall.
void check_times(const std::vector<double>& t, bool rising, std::size_t most,
                 const std::string& path) {
  require(!t.empty(), ErrorCode::kFile, path, ": there are none");
  require(t.size() <= most, ErrorCode::kFile, path, ": ", t.size(), " are more than ", most);
  for (std::size_t i = 0; i < t.size(); ++i) {
    check_within_one(t[i], concat(path, "[", i, "]"));
    require(i == 0 || (rising ? t[i] > t[i - 1] : t[i] <= t[i - 1]), ErrorCode::kFile, path, "[", i,
            "]: ", shortest(t[i]), rising ? " is not above " : " is above ", "the one before");
  }
}

void check_run(const RunFacts& run, const ModelShape& model, const std::string& path) {
  check_times(run.t, false, kMostForwards, path + ".t");
  if (!run.expert.empty()) {
    require(run.expert.size() == run.t.size(), ErrorCode::kFile, path,
            ".expert: ", run.expert.size(), " values, not ", run.t.size());
    const auto experts = static_cast<std::int32_t>(model.experts.size());
    for (std::size_t i = 0; i < run.expert.size(); ++i) {
      require(run.expert[i] >= 0 && run.expert[i] < experts, ErrorCode::kFile, path, ".expert[", i,
              "]: ", run.expert[i], " is not one of 0..", experts - 1);
    }
  }
  if (!run.weight.empty()) {
    check_weights(run.weight, run.t.size(), path + ".weight");
  }
  check_word(run.sampler, path + ".sampler");
  check_word(run.scheduler, path + ".scheduler");
  require(!run.shift || (std::isfinite(*run.shift) && *run.shift > 0.0), ErrorCode::kFile, path,
          ".shift: ", shortest(run.shift.value_or(0.0)), " is not a finite number above 0");
  check_layout_at({.frames = run.grid[0], .rows = run.grid[1], .cols = run.grid[2]}, path + ".grid",
                  ErrorCode::kFile);
  require(run.steps >= 1 && run.steps <= kMostSteps, ErrorCode::kFile, path, ".steps: ", run.steps,
          " is outside 1..", kMostSteps);
}

void check_budget(const Budget& budget, const std::string& path) {
  if (budget.goal == Goal::kDensity || budget.goal == Goal::kAttentionShare) {
    check_share(budget.value, path + ".value");
  } else {
    require(budget.value > 0.0 && budget.value <= kMostGoal, ErrorCode::kFile, path,
            ".value: ", shortest(budget.value), " is not in (0, ", kMostGoal, "]");
  }
  if (budget.density) {
    // A plan that leaves out every head computes nothing.
    check_within_one(*budget.density, path + ".density");
  }
}

void check_fixed(const std::vector<FixedHead>& heads, const ModelShape& model,
                 const std::string& path) {
  std::set<FixedHead> seen;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    const FixedHead& head = heads[i];
    const auto check = [&](std::string_view field, std::int32_t value, std::size_t count) {
      require(value >= 0 && static_cast<std::size_t>(value) < count, ErrorCode::kFile, path, "[", i,
              "].", field, ": ", value, " is not one of 0..", count - 1);
    };
    check("expert", head.expert, model.experts.size());
    check("stack", head.stack, model.stacks.size());
    const StackShape& stack = model.stacks[static_cast<std::size_t>(head.stack)];
    check("layer", head.layer, static_cast<std::size_t>(stack.layers));
    check("head", head.head, static_cast<std::size_t>(stack.heads));
    require(seen.insert(head).second, ErrorCode::kFile, path, "[", i, "]: the head of layer ",
            head.layer, " and head ", head.head, " is there twice");
  }
}

}  // namespace

void read_facts(const JsonValue& root, Plan& plan) {
  if (const auto run = root.find("solved_for")) {
    plan.solved_for = read_run(*run);
  }
  if (const auto budget = root.find("budget")) {
    plan.budget = read_budget(*budget);
  }
  if (const auto layers = root.find("dense_first_layers")) {
    plan.dense_first_layers = layers->as_int();
  }
  if (const auto heads = root.find("fixed_heads")) {
    const std::size_t count = heads->size_up_to(plan.model.experts.size() *
                                                static_cast<std::size_t>(plan.model.heads_total()));
    for (std::size_t i = 0; i < count; ++i) {
      plan.fixed_heads.push_back(read_fixed((*heads)[i], plan.model));
    }
  }
  plan.expert_boundary = number_in(root, "expert_boundary");
}

void read_facts(const JsonValue& root, Profile& profile) {
  if (const auto run = root.find("run")) {
    profile.run = read_run(*run);
  }
  profile.expert_boundary = number_in(root, "expert_boundary");
  if (const auto weight = root.find("time_weight")) {
    weight->check_fields({"t", "weight"});
    profile.time_weight = {.t = read_numbers(weight->at("t"), kMostTimes),
                           .weight = read_numbers(weight->at("weight"), kMostTimes)};
  }
}

void add_facts(const Plan& plan, ObjectWriter& object) {
  if (plan.solved_for) {
    object.add("solved_for", run_text(*plan.solved_for, 2, "solved_for"));
  }
  if (plan.budget) {
    object.add("budget", budget_text(*plan.budget));
  }
  if (plan.dense_first_layers) {
    object.add("dense_first_layers", std::to_string(*plan.dense_first_layers));
  }
  if (!plan.fixed_heads.empty()) {
    std::vector<std::string> heads;
    for (const FixedHead& head : plan.fixed_heads) {
      heads.push_back(fixed_text(head, plan.model));
    }
    object.add("fixed_heads", lines_array(heads, 2));
  }
  if (plan.expert_boundary) {
    object.add("expert_boundary", shortest(*plan.expert_boundary));
  }
}

void add_facts(const Profile& profile, std::size_t indent, std::string_view path,
               ObjectWriter& object) {
  if (profile.run) {
    object.add("run", run_text(*profile.run, indent + 2, join_path(path, "run")));
  }
  if (profile.expert_boundary) {
    object.add("expert_boundary", shortest(*profile.expert_boundary));
  }
  if (profile.time_weight) {
    object.add("time_weight",
               concat("{\"t\": ", numbers_text(profile.time_weight->t),
                      ", \"weight\": ", numbers_text(profile.time_weight->weight), "}"));
  }
}

void check_facts_at(const Plan& plan, std::string_view where) {
  if (plan.solved_for) {
    check_run(*plan.solved_for, plan.model, join_path(where, "solved_for"));
  }
  if (plan.budget) {
    check_budget(*plan.budget, join_path(where, "budget"));
  }
  if (plan.dense_first_layers) {
    std::int32_t layers = 0;
    for (const StackShape& stack : plan.model.stacks) {
      layers += stack.layers;
    }
    require(*plan.dense_first_layers >= 0 && *plan.dense_first_layers <= layers, ErrorCode::kFile,
            join_path(where, "dense_first_layers"), ": ", *plan.dense_first_layers,
            " is outside 0..", layers);
  }
  check_fixed(plan.fixed_heads, plan.model, join_path(where, "fixed_heads"));
  if (plan.expert_boundary) {
    check_within_one(*plan.expert_boundary, join_path(where, "expert_boundary"));
  }
}

void check_facts_at(const Profile& profile, std::string_view where) {
  if (profile.run) {
    check_run(*profile.run, profile.model, join_path(where, "run"));
  }
  if (profile.expert_boundary) {
    check_within_one(*profile.expert_boundary, join_path(where, "expert_boundary"));
  }
  if (profile.time_weight) {
    check_times(profile.time_weight->t, true, kMostTimes, join_path(where, "time_weight.t"));
    check_weights(profile.time_weight->weight, profile.time_weight->t.size(),
                  join_path(where, "time_weight.weight"));
  }
}

}  // namespace twill
