// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/plan_facts.h"

#include "shortest.h"
#include "twill/plan/error.h"
#include "twill/plan/experts.h"
#include "twill/plan/names.h"

namespace twill {
namespace {

using Shown = std::map<std::string, std::string>;

std::string numbers(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) {
    text += concat(text.empty() ? "" : " ", shortest(value));
  }
  return text;
}

void show_run(const RunFacts& run, Shown& shown) {
  shown["steps"] = std::to_string(run.steps);
  shown["t"] = numbers(run.t);
  shown["grid"] = concat(run.grid[0], "x", run.grid[1], "x", run.grid[2]);
  // What the run does not say is not known; provenance may hold another run's.
  for (const auto& [key, word] :
       {std::pair("sampler", run.sampler), std::pair("scheduler", run.scheduler)}) {
    shown.erase(key);
    if (word) {
      shown[key] = *word;
    }
  }
  shown.erase("shift");
  if (run.shift) {
    shown["shift"] = shortest(*run.shift);
  }
}

void show_boundary(const std::optional<double>& boundary, Shown& shown) {
  if (boundary) {
    shown[kExpertBoundaryKey] = shortest(*boundary);
  }
}

std::string name_of(const ModelShape& model, const FixedHead& head) {
  return concat(
      model.experts.size() > 1 ? model.experts.at(static_cast<std::size_t>(head.expert)) + " " : "",
      model.stacks.at(static_cast<std::size_t>(head.stack)).name, ".", head.layer, " head ",
      head.head);
}

}  // namespace

std::string_view goal_name(Goal goal) { return name_in(kGoalNames, goal); }

std::string describe(const Budget& budget) {
  const std::string asked = concat(goal_name(budget.goal), " ", budget.value);
  return budget.density && budget.goal != Goal::kDensity
             ? concat(asked, ", at density ", *budget.density)
             : asked;
}

bool has_facts(const Plan& plan) {
  return plan.solved_for || plan.budget || plan.dense_first_layers || !plan.fixed_heads.empty() ||
         plan.expert_boundary;
}

bool has_facts(const Profile& profile) {
  return profile.run || profile.expert_boundary || profile.time_weight;
}

Shown shown_facts(const Plan& plan) {
  Shown shown = plan.provenance;
  if (plan.solved_for) {
    show_run(*plan.solved_for, shown);
  }
  if (plan.budget) {
    shown["budget"] = describe(*plan.budget);
  }
  if (plan.dense_first_layers) {
    shown["dense_first_layers"] = std::to_string(*plan.dense_first_layers);
  }
  if (!plan.fixed_heads.empty()) {
    std::string names;
    for (const FixedHead& head : plan.fixed_heads) {
      names += concat(names.empty() ? "" : ", ", name_of(plan.model, head));
    }
    shown["fixed_heads"] = names;
  }
  show_boundary(plan.expert_boundary, shown);
  return shown;
}

Shown shown_facts(const Profile& profile) {
  Shown shown = profile.provenance;
  if (profile.run) {
    show_run(*profile.run, shown);
  }
  show_boundary(profile.expert_boundary, shown);
  if (profile.time_weight) {
    shown["time_weight"] = concat("at t ", numbers(profile.time_weight->t), ": ",
                                  numbers(profile.time_weight->weight));
  }
  return shown;
}

}  // namespace twill
