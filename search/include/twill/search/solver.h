// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The plan with the least predicted error that a budget allows.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "twill/plan/plan.h"
#include "twill/plan/profile.h"
#include "twill/search/error_model.h"

namespace twill::search {

enum class BudgetKind : std::uint8_t {
  kDensity,         // share of dense's cells over all forwards
  kAttentionShare,  // share of dense attention's time; the profile must hold a cost table
};
inline constexpr std::array<std::pair<BudgetKind, std::string_view>, 2> kBudgetNames{{
    {BudgetKind::kDensity, "density"},
    {BudgetKind::kAttentionShare, "attention_share"},
}};

// Some heads that may have one pattern only. -1 stands for all.
struct FixedHeads {
  std::int32_t expert = -1;
  std::int32_t stack = 0;
  std::int32_t layer = -1;
  std::int32_t head = -1;
  Pattern pattern;  // a candidate of the profile
  Precision precision = Precision::kBf16;
};

// How much more predicted error INT8 may bring, where nobody says: 5 % are 0.2 dB.
inline constexpr double kInt8ErrorShare = 0.05;

// Of a plan that is solved again: kInt8ErrorShare where it has heads in INT8 and its profile knows
// what they lose, else 0.
double int8_error_share_of(const Plan& plan);

// The profile's layout with another grid: frames, rows and columns of tokens. Throws Error(kUsage)
// naming what is out of range.
TokenLayout layout_at(const Profile& profile, const std::array<std::int32_t, 3>& grid);

struct SolveRequest {
  std::vector<Forward> forwards;  // of the whole run, in its order (t descending)
  BudgetKind budget_kind = BudgetKind::kDensity;
  double budget = 0.40;  // (0, 1]
  // Where it will run; empty: where it was profiled. Elsewhere errors are expected as
  // layout_factors() says.
  std::optional<TokenLayout> layout;
  TimeWeight weight = default_time_weight();

  // Segments that are not all dense, at most. Dense ones at both ends come on top.
  std::int32_t max_segments = 4;
  // Inner edges told, ascending within (0, 1); max_segments then says nothing.
  std::vector<double> edges;
  // Forwards that are dense at the start and at the end. Empty: the solver's choice. Told, the
  // solver may still find more of them dense.
  std::optional<std::int32_t> dense_first_steps;
  std::optional<std::int32_t> dense_last_steps;
  // Layers that are dense at all t, counted from the first over all stacks.
  std::int32_t dense_first_layers = 0;

  // What the plan is to have little of. Empty: the predicted error for the solver, the head error
  // for the rules of others.
  std::optional<Measure> measure;

  std::vector<FixedHeads> fixed;         // the last that names a head holds
  std::vector<PatternKind> forbidden;    // dense cannot be
  std::optional<double> max_head_error;  // no head is given a candidate with a greater one
  // Heads with keys that a plan has in INT8: where that adds the least predicted error for the
  // cells (or the time, where it is the budget) of the head, as many as add no more than this share
  // of the error that the patterns bring. What is dense because it was told to, and segments that
  // came out dense, stay in bf16, and fixed heads as they are. 0: none; else the profile must know
  // their rounding. At least 0.
  double int8_error_share = 0.0;

  std::string name;  // of the plan
  // What gave the forwards, as far as it is known, in the words of whoever ran the model: the plan
  // says it (run_facts.h).
  std::optional<std::string> sampler;
  std::optional<std::string> scheduler;
  std::optional<double> shift;
  bool attach_profile = false;  // the plan holds the profile, for other budgets later
};

struct SolveResult {
  Plan plan;
  // Comparable between plans of one profile, forwards and weight; with what INT8 adds.
  double predicted_error = 0.0;
  // No plan within the budget has a smaller predicted error (Lagrange dual); 0 where the request
  // names another measure.
  double lower_bound = 0.0;
  double density = 1.0;          // of the whole run
  double attention_share = 1.0;  // of dense attention's time; equal to density without a cost table
  std::int32_t dense_first_steps = 0;  // as it came out
  std::int32_t dense_last_steps = 0;
  std::optional<double> lambda, epsilon;  // of the paper's rule
};

struct FrontPoint {
  double quality = 0.0;  // 0 the cheapest that was asked for, 1 dense
  double budget = 0.0;
  double density = 0.0;
  double attention_share = 0.0;
  double predicted_error = 0.0;
  double clip_error = 0.0;  // Ledger::clip_error
};

// Prepared for one profile and run; any number of budgets can then be solved. Not changed by
// solving: several threads may solve at once.
class Solver {
 public:
  // Throws Error(kUsage) naming the field of the request and its value.
  Solver(std::shared_ptr<const Profile> profile, SolveRequest request);
  ~Solver();
  Solver(Solver&&) noexcept;
  Solver& operator=(Solver&&) noexcept;

  // The cheapest share that the request's constraints allow.
  double least_budget() const;
  // Throws Error(kUnsupported) when the budget is below least_budget().
  SolveResult solve(double budget) const;
  SolveResult solve() const;  // the request's budget
  // The budget that a quality setting stands for: a straight line from least_budget() to 1.
  double budget_for_quality(double quality) const;
  std::vector<FrontPoint> pareto_front(std::int32_t points = 33) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

SolveResult solve(std::shared_ptr<const Profile> profile, const SolveRequest& request);

}  // namespace twill::search
