// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "solving.h"

#include <algorithm>
#include <cmath>

#include "twill/plan/error.h"
#include "twill/plan/experts.h"
#include "twill/plan/plan_facts.h"
#include "twill/search/calibration.h"

namespace twill::jobs {
namespace {

std::string budget_text(const SolveOptions& options) {
  return describe(Budget{.goal = search::goal_of(options.budget_kind), .value = options.budget});
}

// The search speaks of its budget; people gave a density or a share.
std::vector<search::PolicyPlan> plans_of(search::Policy policy,
                                         const std::shared_ptr<const Profile>& profile,
                                         const search::SolveRequest& request) {
  try {
    return search::policy_plans(policy, profile, request);
  } catch (const Error& error) {
    constexpr std::string_view kBegin = "budget:";
    const std::string_view text = error.what();
    if (!text.starts_with(kBegin)) {
      throw;
    }
    throw Error(error.code(), concat(goal_name(search::goal_of(request.budget_kind)),
                                     text.substr(kBegin.size())));
  }
}

std::string steps_text(const std::optional<std::int32_t>& steps) {
  return steps ? std::to_string(*steps) : "free";
}

search::SolveRequest request_for(const Profile& profile, const report::SamplerRun& run,
                                 const SolveOptions& options) {
  check_solve_options(options);
  const auto ends = [&](const std::optional<std::int32_t>& steps) {
    return steps || options.policy == search::Policy::kSolver ? steps : std::optional(0);
  };
  std::optional<TokenLayout> layout;
  if (options.grid) {
    layout = search::layout_at(profile, *options.grid);
  }
  return {
      .forwards = report::forwards_of(profile, run),
      .budget_kind = options.budget_kind,
      .budget = options.budget,
      .layout = layout,
      .weight = search::time_weight_of(profile),
      .max_segments = options.segments,
      .dense_first_steps = ends(options.dense_first_steps),
      .dense_last_steps = ends(options.dense_last_steps),
      .dense_first_layers = options.dense_first_layers,
      .name = concat(search::policy_name(options.policy), ", ", budget_text(options)),
      .sampler = run.sampler == report::kOtherSampler ? std::nullopt : std::optional(run.sampler),
      .scheduler = run.scheduler,
      .shift = run.shift > 0.0 ? std::optional(run.shift) : std::nullopt,
      .attach_profile = true};
}

// Of the profile's words those that are facts of its own run stay out: the plan has its own.
std::map<std::string, std::string> provenance_for(const Profile& profile,
                                                  const search::SolveRequest& request,
                                                  const SolveOptions& options) {
  std::map<std::string, std::string> provenance = profile.provenance;
  for (const char* key : {"steps", "shift", "sampler", "scheduler", "t", "grid",
                          search::kTimeWeightKey, kExpertBoundaryKey}) {
    provenance.erase(key);
  }
  provenance["source"] = "a search of our own (twill search)";
  provenance["policy"] = search::policy_name(options.policy);
  provenance["segments"] = std::to_string(options.segments);
  provenance["dense_first_steps"] = steps_text(request.dense_first_steps);
  provenance["dense_last_steps"] = steps_text(request.dense_last_steps);
  return provenance;
}

}  // namespace

report::SamplerRun run_of(const Session& session) {
  return {.sampler = *session.clip().sampler,
          .steps = *session.clip().steps,
          .shift = *session.clip().shift,
          .t = session.step_t()};
}

double least_budget(const std::shared_ptr<const Profile>& profile, const report::SamplerRun& run,
                    const SolveOptions& options) {
  if (!options.dense_first_steps && !options.dense_last_steps && options.dense_first_layers == 0) {
    return 0.0;
  }
  const search::SolveRequest request = request_for(*profile, run, options);
  if (options.policy == search::Policy::kSolver) {
    return search::Solver(profile, request).least_budget();
  }
  // Of the rules of others only the dense steps are known beforehand.
  const std::int32_t dense =
      request.dense_first_steps.value_or(0) + request.dense_last_steps.value_or(0);
  return static_cast<double>(dense) / static_cast<double>(run.steps);
}

bool run_the_same(const Plan& a, const Plan& b) {
  return a.patterns == b.patterns && a.segments == b.segments;
}

std::vector<search::SolveResult> solve_plans(std::shared_ptr<const Profile> profile,
                                             const report::SamplerRun& run,
                                             const SolveOptions& options, std::size_t most) {
  const search::SolveRequest request = request_for(*profile, run, options);
  std::vector<search::PolicyPlan> plans = plans_of(options.policy, profile, request);
  require(!plans.empty(), ErrorCode::kUnsupported, search::policy_name(options.policy),
          ": no plan within ", budget_text(options));
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
    result.plan.budget = Budget{.goal = search::goal_of(options.budget_kind),
                                .value = options.budget,
                                .density = result.density};
    result.plan.dense_first_layers = request.dense_first_layers;
  }
  return results;
}

search::SolveResult solve_plan(std::shared_ptr<const Profile> profile,
                               const report::SamplerRun& run, const SolveOptions& options) {
  return solve_plans(std::move(profile), run, options, 1).front();
}

}  // namespace twill::jobs
