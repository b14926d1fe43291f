// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/plan_solving.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include "exact_text.h"
#include "twill/plan/error.h"
#include "twill/plan/experts.h"
#include "twill/plan/names.h"
#include "twill/plan/plan_facts.h"
#include "twill/search/calibration.h"
#include "twill/search/solved_for.h"

namespace twill::search {
namespace {

std::string budget_text(const SolveOptions& options) {
  return describe(Budget{.goal = goal_of(options.budget_kind), .value = options.budget});
}

// The search speaks of its budget; people gave a density or a share.
std::vector<PolicyPlan> plans_of(Policy policy, const std::shared_ptr<const Profile>& profile,
                                 const SolveRequest& request) {
  try {
    return policy_plans(policy, profile, request);
  } catch (const Error& error) {
    constexpr std::string_view kBegin = "budget:";
    const std::string_view text = error.what();
    if (!text.starts_with(kBegin)) {
      throw;
    }
    throw Error(error.code(),
                concat(goal_name(goal_of(request.budget_kind)), text.substr(kBegin.size())));
  }
}

std::string steps_text(const std::optional<std::int32_t>& steps) {
  return steps ? std::to_string(*steps) : "free";
}

double int8_error_share(const Profile& profile, const SolveOptions& options) {
  const bool known = !profile.int8_error.empty() && options.policy == Policy::kSolver;
  return options.int8_error_share.value_or(known ? kInt8ErrorShare : 0.0);
}

SolveRequest request_for(const Profile& profile, const RunFacts& run, const SolveOptions& options) {
  check_solve_options(options);
  const auto ends = [&](const std::optional<std::int32_t>& steps) {
    return steps || options.policy == Policy::kSolver ? steps : std::optional(0);
  };
  std::optional<TokenLayout> layout;
  if (options.grid) {
    layout = layout_at(profile, *options.grid);
  }
  return {.forwards = forwards_of_run(
              profile, SolvedFor{.t = run.t, .expert = run.expert, .weight = run.weight}),
          .budget_kind = options.budget_kind,
          .budget = options.budget,
          .layout = layout,
          .weight = time_weight_of(profile),
          .max_segments = options.segments,
          .dense_first_steps = ends(options.dense_first_steps),
          .dense_last_steps = ends(options.dense_last_steps),
          .dense_first_layers = options.dense_first_layers,
          .measure = options.measure,
          .int8_error_share = int8_error_share(profile, options),
          .name = options.name.empty()
                      ? concat(policy_name(options.policy), ", ", budget_text(options))
                      : options.name,
          .sampler = run.sampler,
          .scheduler = run.scheduler,
          .shift = run.shift,
          .attach_profile = true};
}

// Of the profile's words those that are facts of its own run stay out: the plan has its own.
std::map<std::string, std::string> provenance_for(const Profile& profile,
                                                  const SolveRequest& request,
                                                  const SolveOptions& options) {
  std::map<std::string, std::string> provenance = profile.provenance;
  for (const char* key : {"steps", "shift", "sampler", "scheduler", "t", "grid", kTimeWeightKey,
                          kExpertBoundaryKey}) {
    provenance.erase(key);
  }
  provenance.try_emplace("source", "a search of our own (twill search)");
  provenance["policy"] = policy_name(options.policy);
  if (options.measure) {
    provenance["measure"] = name_in(kMeasureNames, *options.measure);
  }
  if (request.int8_error_share > 0.0) {
    provenance["int8_error_share"] = exact_text(request.int8_error_share);
  }
  provenance["segments"] = std::to_string(options.segments);
  provenance["dense_first_steps"] = steps_text(request.dense_first_steps);
  provenance["dense_last_steps"] = steps_text(request.dense_last_steps);
  return provenance;
}

}  // namespace

void check_solve_options(const SolveOptions& options) {
  const bool cells = options.budget_kind == BudgetKind::kDensity;
  require(options.budget > 0.0 && options.budget <= 1.0, ErrorCode::kUsage,
          cells ? "density " : "attention share ", options.budget, " is not in (0, 1]");
  require(options.segments >= 1 && options.segments <= 64, ErrorCode::kUsage, "segments ",
          options.segments, " is not in 1..64");
  for (const auto& [name, steps] : {std::pair("dense first steps", options.dense_first_steps),
                                    std::pair("dense last steps", options.dense_last_steps)}) {
    require(!steps || *steps >= 0, ErrorCode::kUsage, name, " ", steps.value_or(0), " is negative");
  }
  const double share = options.int8_error_share.value_or(0.0);
  require(std::isfinite(share) && share >= 0.0, ErrorCode::kUsage, "int8 error share ", share,
          " is not a finite number of at least 0");
  require(options.dense_first_layers >= 0, ErrorCode::kUsage, "dense first layers ",
          options.dense_first_layers, " is negative");
}

double least_budget(const std::shared_ptr<const Profile>& profile, const RunFacts& run,
                    const SolveOptions& options) {
  const SolveRequest request = request_for(*profile, run, options);
  if (options.policy == Policy::kSolver) {
    return Solver(profile, request).least_budget();
  }
  // Of the rules of others only the dense steps are known beforehand.
  const std::int32_t dense =
      request.dense_first_steps.value_or(0) + request.dense_last_steps.value_or(0);
  return static_cast<double>(dense) / static_cast<double>(run.t.size());
}

bool run_the_same(const Plan& a, const Plan& b) {
  return a.patterns == b.patterns && a.segments == b.segments;
}

std::vector<SolveResult> solve_plans(std::shared_ptr<const Profile> profile, const RunFacts& run,
                                     const SolveOptions& options, std::size_t most) {
  const SolveRequest request = request_for(*profile, run, options);
  std::vector<PolicyPlan> plans = plans_of(options.policy, profile, request);
  require(!plans.empty(), ErrorCode::kUnsupported, policy_name(options.policy), ": no plan within ",
          budget_text(options));
  std::vector<SolveResult> results;
  for (PolicyPlan& plan : plans) {
    const auto same = [&](const SolveResult& other) {
      return run_the_same(other.plan, plan.result.plan);
    };
    if (results.size() < most && std::none_of(results.begin(), results.end(), same)) {
      results.push_back(std::move(plan.result));
    }
  }
  for (SolveResult& result : results) {
    result.plan.profile = profile;
    result.plan.provenance = provenance_for(*profile, request, options);
    for (const auto& [key, value] :
         {std::pair("lambda", result.lambda), std::pair("epsilon", result.epsilon)}) {
      if (value) {
        result.plan.provenance[key] = exact_text(*value);
      }
    }
    result.plan.budget = Budget{
        .goal = goal_of(options.budget_kind), .value = options.budget, .density = result.density};
    result.plan.dense_first_layers = request.dense_first_layers;
  }
  return results;
}

SolveResult solve_plan(std::shared_ptr<const Profile> profile, const RunFacts& run,
                       const SolveOptions& options) {
  return std::move(solve_plans(std::move(profile), run, options, 1).front());
}

}  // namespace twill::search
