// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Rules of others as plan makers on the same candidates, at equal density over all forwards. They
// count head errors, unless request.measure says otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "twill/search/solver.h"

namespace twill::search {

enum class Policy : std::uint8_t { kSolver, kPaperGreedy, kSvg, kSta, kRadial, kSinglePattern };
inline constexpr std::array<std::pair<Policy, std::string_view>, 6> kPolicyNames{{
    {Policy::kSolver, "solver"},
    {Policy::kPaperGreedy, "paper_greedy"},
    {Policy::kSvg, "svg"},
    {Policy::kSta, "sta"},
    {Policy::kRadial, "radial"},
    {Policy::kSinglePattern, "single_pattern"},
}};
std::string_view policy_name(Policy policy);
std::span<const std::string_view> policy_names();

struct PolicyPlan {
  SolveResult result;             // lower_bound is 0 but for the solver
  double own_measure = 0.0;       // what the rule itself minimises; comparable within one policy
  std::vector<Pattern> patterns;  // that the rule chose among: svg, sta, radial, single_pattern
};

// Sparse-vDiT's offline search (arXiv 2506.03065, equation 2 and algorithm 1): a head
// takes the candidate with the least  L = MSE + lambda x (1 - S),  S the share of cells that it
// saves, or dense when every L is above epsilon. MSE here is the profile's head error, or what
// request.measure says, brought to the same mean, so that one lambda means the same. (The paper's
// is the mean square of what the head's output differs by; its scale is not told.) Heads have one
// table for all sparse forwards, or one for each of request.max_segments stretches with equally
// many (the paper has one for each step). For each lambda of `lambdas` epsilon is the one that
// meets the budget; a change of epsilon moves whole heads, so the last head takes the best
// candidate by L that fits in what is left. One plan per lambda that can meet the budget; the first
// is the one with the least sum of what is counted. request.dense_first_steps and dense_last_steps:
// empty counts as 0.
std::vector<PolicyPlan> paper_greedy_plans(std::shared_ptr<const Profile> profile,
                                           const SolveRequest& request,
                                           const std::vector<double>& lambdas = {});

// All heads take one candidate on all sparse forwards. What it leaves of the budget makes heads
// dense, from the first layer on. Candidates that leave more than a tenth of dense's cost are left
// out unless none is nearer. The first is the one with the least sum of what is counted.
std::vector<PolicyPlan> single_pattern_plans(std::shared_ptr<const Profile> profile,
                                             const SolveRequest& request);

// Sparse VideoGen (arXiv 2502.01776): every head is spatial, a band along the diagonal, or
// temporal, the same place in all frames, whichever has the less error; one width of each class for
// all heads. Bands with and without the first frame, as SVG keeps it. Heads are told apart anew in
// each of request.max_segments stretches (SVG: at every step). One plan for each pair of widths
// that meets the budget; what is left makes heads dense as for the single pattern.
std::vector<PolicyPlan> svg_plans(std::shared_ptr<const Profile> profile,
                                  const SolveRequest& request);
bool is_svg_spatial(const Pattern& pattern);
bool is_svg_temporal(const Pattern& pattern);

// Sliding tile attention (arXiv 2502.04507): every head takes the 3-D window around the query with
// the least error, among those up to one size; in each of request.max_segments stretches. One plan
// for each size that meets the budget.
std::vector<PolicyPlan> sta_plans(std::shared_ptr<const Profile> profile,
                                  const SolveRequest& request);

// Radial attention (arXiv 2506.19852): one mask for all heads, whose reach in space halves as the
// distance in time doubles (log_decay_patterns). One plan for each width that meets the budget.
std::vector<PolicyPlan> radial_plans(std::shared_ptr<const Profile> profile,
                                     const SolveRequest& request);

// All plans of a policy, its own choice first; one of the solver's.
std::vector<PolicyPlan> policy_plans(Policy policy, std::shared_ptr<const Profile> profile,
                                     const SolveRequest& request);
// The first plan of the policy. Throws Error(kUnsupported) when the budget cannot be met.
PolicyPlan make_policy_plan(Policy policy, std::shared_ptr<const Profile> profile,
                            const SolveRequest& request);

}  // namespace twill::search
