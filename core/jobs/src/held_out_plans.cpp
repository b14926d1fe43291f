// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "held_out_plans.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "solving.h"
#include "twill/plan/error.h"
#include "twill/plan/names.h"
#include "twill/search/calibration.h"

namespace twill::jobs {
namespace {

std::string name_of(const SolveOptions& options) {
  return concat(
      search::policy_name(options.policy), " ", options.budget, ", ",
      options.dense_first_steps ? std::to_string(*options.dense_first_steps) : "free",
      " dense steps, ", options.segments, " segments",
      options.measure ? concat(", ", name_in(search::kMeasureNames, *options.measure)) : "");
}

}  // namespace

std::vector<HeldOut> held_out_plans(const std::shared_ptr<const Profile>& profile,
                                    const report::SamplerRun& run, const TokenLayout& layout,
                                    const PredictionOptions& options) {
  const std::array grid{layout.frames, layout.rows, layout.cols};
  const auto fifth = std::max<std::int32_t>(1, run.steps / 5);
  std::vector<SolveOptions> wanted;
  for (const double density : options.densities) {
    wanted.push_back({.budget = density, .segments = options.segments, .grid = grid});
    wanted.push_back({.budget = density, .segments = 1, .grid = grid});
    for (const auto& [policy, name] : search::kPolicyNames) {
      const SolveOptions one{.policy = policy,
                             .budget = density,
                             .segments = options.segments,
                             .dense_first_steps = 0,
                             .dense_last_steps = 0,
                             .grid = grid};
      for (const std::int32_t steps : {0, fifth}) {
        wanted.push_back(one);
        wanted.back().dense_first_steps = steps;
      }
      if (policy != search::Policy::kSolver) {
        wanted.push_back(one);
        wanted.back().measure = search::Measure::kError;
      }
    }
  }
  std::vector<HeldOut> plans;
  for (const SolveOptions& one : wanted) {
    try {
      HeldOut plan{name_of(one), one.policy, solve_plan(profile, run, one)};
      // One plan under two names would rank itself right.
      const bool known = std::any_of(plans.begin(), plans.end(), [&](const HeldOut& other) {
        return run_the_same(other.solved.plan, plan.solved.plan);
      });
      if (!known) {
        plans.push_back(std::move(plan));
      }
    } catch (const Error& error) {
      // A rule that does not reach this density.
      if (error.code() != ErrorCode::kUnsupported && error.code() != ErrorCode::kUsage) {
        throw;
      }
    }
  }
  return plans;
}

void add_outcome(report::PredictionReport& report, const std::vector<HeldOut>& plans,
                 const search::Ledger& ledger, const std::vector<std::vector<double>>& psnr_db,
                 bool terms) {
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (terms) {
      const search::PlanSums sums = ledger.sums(plans[i].solved.plan);
      report.terms.push_back({.layer_error = sums.layer_error, .kind_error = sums.kind_error});
    }
    double mse = 0.0;
    for (const double of_prompt : psnr_db[i]) {
      mse += search::mse_of(of_prompt) / static_cast<double>(psnr_db[i].size());
    }
    report.plans.push_back({plans[i].name, ledger.error(plans[i].solved.plan), mse});
    report.clip_errors.push_back(ledger.clip_error(plans[i].solved.plan));
    report.densities.push_back(plans[i].solved.density);
    report.policies.push_back(plans[i].policy);
  }
  add_sums(report);
}

}  // namespace twill::jobs
