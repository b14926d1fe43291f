// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a plan says of its solve, or a profile of the run that it was measured in. A plan or profile
// with typed facts (run_facts.h) says it there. One without is as files of version 1.0 are, and its
// provenance is read: here, in experts.h and in calibration.h, and nowhere else.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "twill/plan/plan.h"
#include "twill/plan/profile.h"
#include "twill/search/forwards.h"
#include "twill/search/solver.h"

namespace twill::search {

using Provenance = std::map<std::string, std::string>;

// What is empty is not known.
struct SolvedFor {
  std::optional<std::int32_t> steps;
  std::optional<double> shift;
  std::optional<std::string> sampler;
  std::optional<std::string> scheduler;             // none: the sampler's own times
  std::vector<double> t;                            // of every forward, descending
  std::vector<std::int32_t> expert;                 // [t], or empty
  std::vector<double> weight;                       // [t], or empty
  std::optional<std::array<std::int32_t, 3>> grid;  // frames, rows and columns of tokens
  bool typed = false;                               // not read from provenance
  friend bool operator==(const SolvedFor&, const SolvedFor&) = default;
};

// As version 1.0 kept it. Throws Error(kFile) such as: the plan's steps "many" is not a whole
// number in 1..1000. `whose`: "plan".
SolvedFor solved_for(const Provenance& provenance, std::string_view whose);
SolvedFor solved_for(const Profile& profile);
// What the plan itself says; where it says nothing, what its profile says, if it has one.
SolvedFor solved_for(const Plan& plan);

// The forwards of a run whose t are known. boundary: of experts, before what the run says.
std::vector<Forward> forwards_of_run(const Profile& profile, const SolvedFor& run,
                                     std::optional<double> boundary = {});

// What the plan was asked to be; of provenance a density or a share of time.
std::optional<Budget> budget_of(const Plan& plan);
Goal goal_of(BudgetKind kind);
// Density over the run that it was solved for, as the plan states it.
std::optional<double> stated_density(const Plan& plan);
// 0 when the plan does not say, or says it in another way.
std::int32_t dense_first_layers(const Plan& plan);

// Ascending. In provenance, words that name no head are passed by.
std::vector<FixedHead> fixed_heads(const Plan& plan);
// A plan without typed facts stays one.
void keep_fixed_heads(std::vector<FixedHead> heads, Plan& plan);

// `solved` becomes `before`, solved again: it says of itself what its solver says, and the rest as
// `before` does.
void keep_the_rest(const Plan& before, Plan& solved);

}  // namespace twill::search
