// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "solving.h"

#include <algorithm>
#include <cmath>

#include "twill/plan/error.h"
#include "twill/plan/experts.h"
#include "twill/plan/plan_facts.h"
#include "twill/plan/sampler_times.h"
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

search::SolveRequest request_for(const Profile& profile, const SamplerRun& run,
                                 const SolveOptions& options) {
  check_solve_options(options);
  const auto ends = [&](const std::optional<std::int32_t>& steps) {
    return steps || options.policy == search::Policy::kSolver ? steps : std::optional(0);
  };
  std::optional<TokenLayout> layout;
  if (options.grid) {
    layout = search::layout_at(profile, *options.grid);
  }
  return {.forwards = forwards_of(profile, run),
          .budget_kind = options.budget_kind,
          .budget = options.budget,
          .layout = layout,
          .weight = search::time_weight_of(profile),
          .max_segments = options.segments,
          .dense_first_steps = ends(options.dense_first_steps),
          .dense_last_steps = ends(options.dense_last_steps),
          .dense_first_layers = options.dense_first_layers,
          .name = concat(search::policy_name(options.policy), ", ", budget_text(options)),
          .sampler = run.sampler == kOtherSampler ? std::nullopt : std::optional(run.sampler),
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

// Whether the kept t are those that the sampler of that name has here. ComfyUI rounds the t of its
// "simple" schedule to thousandths before the shift, which is no other schedule.
bool is_ours(const search::SolvedFor& kept, const std::string& sampler) {
  if (std::ranges::count(sampler_names(), sampler) == 0) {
    return false;
  }
  if (!kept.scheduler) {
    return true;
  }
  if (!kept.shift || kept.t.empty()) {
    return false;
  }
  constexpr double kRounding = 5e-3;
  const std::vector<double> ours =
      sampler_t(sampler, static_cast<std::int32_t>(kept.t.size()), *kept.shift);
  return std::ranges::equal(kept.t, ours,
                            [](double a, double b) { return std::abs(a - b) <= kRounding; });
}

// What is asked for of a run is as it is kept.
template <typename Value>
bool as_kept(const std::optional<Value>& asked, const std::optional<Value>& kept) {
  return !asked || asked == kept;
}

}  // namespace

std::vector<search::Forward> forwards_of(const Profile& profile, const SamplerRun& run,
                                         std::optional<double> boundary) {
  return search::forwards_of_run(
      profile, search::SolvedFor{.t = run.t, .expert = run.expert, .weight = run.weight}, boundary);
}

SamplerRun run_of(const Session& session) {
  return {.sampler = *session.clip().sampler,
          .steps = *session.clip().steps,
          .shift = *session.clip().shift,
          .t = session.step_t()};
}

SamplerRun sampler_run(const RunOptions& asked, const search::SolvedFor& kept,
                       const std::filesystem::path& file) {
  const bool same = kept.typed
                        ? as_kept(asked.sampler, kept.sampler) &&
                              as_kept(asked.steps, kept.steps) && as_kept(asked.shift, kept.shift)
                        : !asked.sampler && !asked.steps && !asked.shift;
  if (!kept.t.empty() && same) {
    return {.sampler = kept.sampler.value_or(std::string(kOtherSampler)),
            .scheduler = kept.scheduler,
            .steps = static_cast<std::int32_t>(kept.t.size()),
            .shift = kept.shift.value_or(0.0),
            .t = kept.t,
            .expert = kept.expert,
            .weight = kept.weight};
  }
  const std::string sampler =
      kept.sampler.value_or(kept.typed ? std::string(kOtherSampler) : "euler");
  require(!kept.typed || asked.sampler || is_ours(kept, sampler), ErrorCode::kUsage, file.string(),
          ": was measured in ", kept.steps.value_or(0), " steps of ",
          kept.sampler ? concat("the sampler \"", sampler, "\"") : sampler,
          kept.scheduler ? concat(" with the scheduler \"", *kept.scheduler, "\"") : "",
          ", whose times for ", asked.steps ? concat(*asked.steps, " steps") : "another shift",
          " are not known here; leave --", asked.steps ? "steps" : "shift",
          " out, or name one of our samplers by --sampler");
  const auto said = [&](const auto& told, const auto& remembered, const char* what) {
    require(told || remembered, ErrorCode::kFile, file.string(),
            ": the profile does not say for which ", what, " it was measured; give it");
    return told ? *told : *remembered;
  };
  SamplerRun run{.sampler = asked.sampler.value_or(sampler),
                 .steps = said(asked.steps, kept.steps, "steps"),
                 .shift = said(asked.shift, kept.shift, "shift")};
  require(asked.sampler || std::ranges::count(sampler_names(), run.sampler) > 0, ErrorCode::kUsage,
          file.string(), ": was measured with the sampler \"", run.sampler,
          "\", which is none of ours; name one by --sampler");
  check_clip_settings({.steps = run.steps, .shift = run.shift, .sampler = run.sampler});
  run.t = sampler_t(run.sampler, run.steps, run.shift);
  return run;
}

double least_budget(const std::shared_ptr<const Profile>& profile, const SamplerRun& run,
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
                                             const SamplerRun& run, const SolveOptions& options,
                                             std::size_t most) {
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

search::SolveResult solve_plan(std::shared_ptr<const Profile> profile, const SamplerRun& run,
                               const SolveOptions& options) {
  return solve_plans(std::move(profile), run, options, 1).front();
}

}  // namespace twill::jobs
