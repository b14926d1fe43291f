// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "solving.h"

#include <algorithm>

#include "twill/plan/error.h"
#include "twill/search/calibration.h"

namespace twill::jobs {
namespace {

std::string_view budget_name(search::BudgetKind kind) {
  for (const auto& [known, name] : search::kBudgetNames) {
    if (known == kind) {
      return name;
    }
  }
  throw Error(ErrorCode::kUsage, concat("budget ", static_cast<int>(kind), " has no name"));
}

std::string steps_text(const std::optional<std::int32_t>& steps) {
  return steps ? std::to_string(*steps) : "free";
}

search::SolveRequest request_for(const Profile& profile, const std::vector<double>& step_t,
                                 const SolveOptions& options) {
  check_solve_options(options);
  const auto ends = [&](const std::optional<std::int32_t>& steps) {
    return steps || options.policy == search::Policy::kSolver ? steps : std::optional(0);
  };
  std::optional<TokenLayout> layout;
  if (options.grid) {
    layout = search::layout_at(profile, *options.grid);
  }
  return {.forwards = search::forwards_of_run(profile, step_t),
          .budget_kind = options.budget_kind,
          .budget = options.budget,
          .layout = layout,
          .weight = search::time_weight_of(profile),
          .max_segments = options.segments,
          .dense_first_steps = ends(options.dense_first_steps),
          .dense_last_steps = ends(options.dense_last_steps),
          .dense_first_layers = options.dense_first_layers,
          .name = concat(search::policy_name(options.policy), ", ",
                         budget_name(options.budget_kind), " ", options.budget),
          .attach_profile = true};
}

std::map<std::string, std::string> provenance_for(const Profile& profile,
                                                  const search::SolveRequest& request,
                                                  const SolveOptions& options) {
  std::map<std::string, std::string> provenance = profile.provenance;
  provenance["source"] = "a search of our own (twill search)";
  provenance["policy"] = search::policy_name(options.policy);
  provenance["budget"] = concat(budget_name(options.budget_kind), " ", options.budget);
  provenance["segments"] = std::to_string(options.segments);
  provenance["dense_first_steps"] = steps_text(request.dense_first_steps);
  provenance["dense_last_steps"] = steps_text(request.dense_last_steps);
  provenance["dense_first_layers"] = std::to_string(request.dense_first_layers);
  return provenance;
}

}  // namespace

bool run_the_same(const Plan& a, const Plan& b) {
  return a.patterns == b.patterns && a.segments == b.segments;
}

std::vector<search::SolveResult> solve_plans(std::shared_ptr<const Profile> profile,
                                             const std::vector<double>& step_t,
                                             const SolveOptions& options, std::size_t most) {
  const search::SolveRequest request = request_for(*profile, step_t, options);
  std::vector<search::PolicyPlan> plans = search::policy_plans(options.policy, profile, request);
  require(!plans.empty(), ErrorCode::kUsage, search::policy_name(options.policy),
          ": no plan within ", budget_name(options.budget_kind), " ", options.budget);
  std::vector<search::SolveResult> results;
  for (search::PolicyPlan& plan : plans) {
    const auto same = [&](const search::SolveResult& other) {
      return run_the_same(other.plan, plan.result.plan);
    };
    if (results.size() < most && std::none_of(results.begin(), results.end(), same)) {
      results.push_back(std::move(plan.result));
    }
  }
  for (search::SolveResult& result : results) {
    result.plan.profile = profile;
    result.plan.provenance = provenance_for(*profile, request, options);
  }
  return results;
}

search::SolveResult solve_plan(std::shared_ptr<const Profile> profile,
                               const std::vector<double>& step_t, const SolveOptions& options) {
  return solve_plans(std::move(profile), step_t, options, 1).front();
}

}  // namespace twill::jobs
