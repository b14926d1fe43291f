// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Problems with made-up times and errors whose best plan is known by hand.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "refusal.h"
#include "twill/plan/error.h"
#include "twill/plan/pattern.h"
#include "twill/search/solver.h"

namespace twill::search {
namespace {

// Of the candidates by rising time, the last dense. One layer; a gain of 1 unless told.
struct MadeUp {
  std::vector<double> milliseconds;
  std::vector<double> t;                                // of the steps, and of the profile
  std::vector<std::vector<std::vector<float>>> errors;  // [t][head][candidate]
  std::vector<float> gain = {};                         // [t]
};

std::shared_ptr<Profile> profile_of(const MadeUp& made_up) {
  auto profile = std::make_shared<Profile>();
  const auto heads = static_cast<std::int32_t>(made_up.errors[0].size());
  profile->model = {.family = "made up", .experts = {"expert"}, .head_dim = 64};
  profile->model.stacks = {{.name = "blocks", .layers = 1, .heads = heads}};
  profile->layout = {.frames = 4, .rows = 16, .cols = 16};
  for (std::size_t i = 0; i + 1 < made_up.milliseconds.size(); ++i) {
    profile->candidates.push_back(
        make_pattern(Diagonal{.reach = 0.1 + 0.05 * static_cast<double>(i)}));
  }
  profile->candidates.push_back(dense());
  profile->t = made_up.t;
  for (std::size_t time = 0; time < made_up.t.size(); ++time) {
    for (const std::vector<float>& head : made_up.errors[time]) {
      profile->gain.push_back(made_up.gain.empty() ? 1.0f : made_up.gain[time]);
      profile->head_error.insert(profile->head_error.end(), head.begin(), head.end());
    }
  }
  profile->cost = {.device = "none",
                   .kernel = "none",
                   .layout = profile->layout,
                   .milliseconds = made_up.milliseconds};
  return profile;
}

// A budget in milliseconds of all steps and heads; every step counts the same.
SolveRequest request_for(const MadeUp& made_up, double milliseconds) {
  SolveRequest request{.budget_kind = BudgetKind::kAttentionShare,
                       .weight = {.t = {0.0}, .weight = {1.0}},
                       .max_segments = 1,
                       .dense_first_steps = 0,
                       .dense_last_steps = 0};
  for (const double t : made_up.t) {
    request.forwards.push_back({.t = t, .weight = 1.0});
  }
  request.budget =
      milliseconds / (made_up.milliseconds.back() *
                      static_cast<double>(made_up.t.size() * made_up.errors[0].size()));
  return request;
}

// [segment][head], ascending in t; of a dense segment nothing.
std::vector<std::vector<std::size_t>> chosen(const Profile& profile, const Plan& plan) {
  std::vector<std::vector<std::size_t>> all;
  for (const Segment& segment : plan.segments) {
    all.emplace_back();
    for (std::size_t head = 0; !segment.dense && head < profile.heads(); ++head) {
      const Pattern& pattern =
          plan.patterns[static_cast<std::size_t>(segment.heads[0][head].pattern)];
      all.back().push_back(static_cast<std::size_t>(
          std::find(profile.candidates.begin(), profile.candidates.end(), pattern) -
          profile.candidates.begin()));
    }
  }
  return all;
}

using Choices = std::vector<std::vector<std::size_t>>;

// Dense saves head 0 most per millisecond and does not fit. Of what is left, two heads save 6 each
// for a millisecond and one saves 8 for two.
TEST(SolverChoices, StepsThatDoNotFitArePassedOverForTheNextBestPerCost) {
  const MadeUp made_up{.milliseconds = {1.0, 2.0, 3.0, 10.0},
                       .t = {1.0},
                       .errors = {{{100.0f, 100.0f, 100.0f, 0.0f},
                                   {6.2f, 0.2f, 0.2f, 0.0f},
                                   {6.2f, 0.2f, 0.2f, 0.0f},
                                   {8.2f, 8.2f, 0.2f, 0.0f}}}};
  const auto profile = profile_of(made_up);
  const SolveResult result = solve(profile, request_for(made_up, 6.0));
  EXPECT_EQ(chosen(*profile, result.plan), (Choices{{0, 1, 1, 0}}));
  EXPECT_NEAR(result.predicted_error, 100.0 + 0.2 + 0.2 + 8.2, 1e-5);
  EXPECT_NEAR(result.attention_share, 6.0 / 40.0, 1e-12);
}

// The head's hull goes from the cheapest straight to dense; between them lies what fits.
TEST(SolverChoices, WhatIsLeftGoesToACandidateAboveTheHull) {
  const MadeUp made_up{.milliseconds = {1.0, 4.0, 5.0, 10.0},
                       .t = {1.0},
                       .errors = {{{9.0f, 8.0f, 7.0f, 0.0f}, {9.0f, 8.0f, 7.5f, 0.0f}}}};
  const auto profile = profile_of(made_up);
  const SolveResult result = solve(profile, request_for(made_up, 6.5));
  EXPECT_EQ(chosen(*profile, result.plan), (Choices{{2, 0}}));
  EXPECT_NEAR(result.predicted_error, 7.0 + 9.0, 1e-5);
}

// What a first repair leaves over pays for a second one.
TEST(SolverChoices, RepairsGoOnWhileSomethingFits) {
  const MadeUp made_up{.milliseconds = {1.0, 4.0, 5.0, 10.0},
                       .t = {1.0},
                       .errors = {{{9.0f, 8.0f, 7.0f, 0.0f}, {9.0f, 8.0f, 7.5f, 0.0f}}}};
  const auto profile = profile_of(made_up);
  const SolveResult result = solve(profile, request_for(made_up, 9.0));
  EXPECT_EQ(chosen(*profile, result.plan), (Choices{{2, 1}}));
  EXPECT_NEAR(result.attention_share, 9.0 / 20.0, 1e-12);
}

// A segment of two steps costs a head twice: 4 ms are one step further for one of the two.
TEST(SolverChoices, ASegmentPaysForEachOfItsSteps) {
  const MadeUp made_up{.milliseconds = {1.0, 2.0, 10.0},
                       .t = {1.0, 0.5},
                       .errors = {{{5.0f, 1.0f, 0.0f}, {4.0f, 1.0f, 0.0f}},
                                  {{5.0f, 1.0f, 0.0f}, {4.0f, 1.0f, 0.0f}}}};
  const auto profile = profile_of(made_up);
  EXPECT_EQ(chosen(*profile, solve(profile, request_for(made_up, 6.0)).plan), (Choices{{1, 0}}));
  EXPECT_EQ(chosen(*profile, solve(profile, request_for(made_up, 5.9)).plan), (Choices{{0, 0}}));
}

// Candidates: 1, 1.01, 3 and 10 ms. The head may have only the third in the middle step, and not
// the first in the last step. Cut after the first step, the cheapest are 1 + 3 + 3 ms; cut before
// the last, 3 + 3 + 1.01 ms with half of the error. No price on cost shows the former.
TEST(SolverChoices, TheLeastBudgetIsThatOfTheCheapestCuts) {
  const MadeUp made_up{.milliseconds = {1.0, 1.01, 3.0, 10.0},
                       .t = {1.0, 0.6, 0.2},
                       .errors = {{{0.1f, 0.1f, 0.0f, 0.0f}},
                                  {{0.9f, 0.9f, 0.0f, 0.0f}},
                                  {{0.9f, 0.1f, 0.0f, 0.0f}}},
                       .gain = {1000.0f, 1.0f, 500.0f}};
  const auto profile = profile_of(made_up);
  SolveRequest request = request_for(made_up, 7.005);
  request.max_segments = 2;
  request.max_head_error = 0.5;
  const Solver solver(profile, request);
  EXPECT_NEAR(solver.least_budget(), 7.0 / 30.0, 1e-12);
  const SolveResult result = solver.solve();
  EXPECT_EQ(chosen(*profile, result.plan), (Choices{{2}, {0}}));
  EXPECT_NEAR(result.predicted_error, 100.0, 1e-4);
  EXPECT_EQ(
      tests::refusal([&] { solver.solve(6.99 / 30.0); }, ErrorCode::kUnsupported).substr(0, 16),
      "budget: 0.233 is");
  EXPECT_EQ(chosen(*profile, solver.solve(7.02 / 30.0).plan), (Choices{{1}, {2}}));
}

}  // namespace
}  // namespace twill::search
