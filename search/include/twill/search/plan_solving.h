// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// From a profile, a run and what is wished for to plans that say what they are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "twill/plan/profile.h"
#include "twill/search/policies.h"
#include "twill/search/solver.h"

namespace twill::search {

// What a plan is solved for.
struct SolveOptions {
  Policy policy = Policy::kSolver;
  // Share of dense's cells over the whole run, dense first and last steps counted; or share of
  // dense attention's time, of a profile that holds a cost table.
  BudgetKind budget_kind = BudgetKind::kDensity;
  double budget = 0.40;       // (0, 1]
  std::int32_t segments = 8;  // at most; those of dense steps not counted
  std::optional<std::int32_t>
      dense_first_steps;  // empty: the solver's choice, 0 for other policies
  std::optional<std::int32_t> dense_last_steps;
  std::int32_t dense_first_layers = 0;  // dense at all t, counted over all stacks
  std::optional<Measure> measure;       // as SolveRequest's
  // As SolveRequest's. Empty: kInt8ErrorShare for the solver where the profile knows what INT8
  // loses, else none.
  std::optional<double> int8_error_share;
  // Frames, rows and columns of tokens that the budget is for; empty: as profiled.
  std::optional<std::array<std::int32_t, 3>> grid;
  std::string name;  // of the plan; empty: its policy and budget
};
// Throws Error(kUsage) naming the option and its value.
void check_solve_options(const SolveOptions& options);

// The least budget that the solver's profile and told dense steps and layers allow.
double least_budget(const std::shared_ptr<const Profile>& profile, const RunFacts& run,
                    const SolveOptions& options);

// The plan holds the profile and says what it was solved for. run: as forwards_of_run() takes it.
// Throws Error(kUnsupported) for a budget that cannot be met.
SolveResult solve_plan(std::shared_ptr<const Profile> profile, const RunFacts& run,
                       const SolveOptions& options);
// The policy's own choices, that plan first: one for each lambda of the paper's rule, one for each
// single pattern. At most `most`, no two with the same patterns for all heads.
std::vector<SolveResult> solve_plans(std::shared_ptr<const Profile> profile, const RunFacts& run,
                                     const SolveOptions& options, std::size_t most);

// Whether two plans run the same, whatever they are called.
bool run_the_same(const Plan& a, const Plan& b);

}  // namespace twill::search
