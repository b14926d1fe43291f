// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Which heads a solver has in INT8, against the rule by loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "refusal.h"
#include "search/synthetic_profile.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_view.h"
#include "twill/search/ledger.h"
#include "twill/search/plan_solving.h"
#include "twill/search/solver.h"

namespace twill::search {
namespace {

using tests::refusal;

const std::vector<double> kSteps{1.0, 0.93, 0.85, 0.7, 0.52, 0.41, 0.3, 0.2, 0.08};

std::shared_ptr<Profile> profile_of(std::int32_t experts = 1) {
  const test::ProfileShape shape{.layers = 3, .heads = 4, .experts = experts};
  const std::shared_ptr<Profile> profile =
      test::synthetic_profile(shape, test::some_candidates(shape.layout, 12), 3);
  test::Random random(11);
  for (std::size_t i = 0; i < profile->gain.size(); ++i) {
    profile->int8_error.push_back(static_cast<float>(1e-3 * random.next()));
  }
  return profile;
}

SolveRequest request_for(double share, std::int32_t experts = 1) {
  std::vector<std::int32_t> expert_at;
  for (const double t : kSteps) {
    expert_at.push_back(experts == 2 && t < 0.45 ? 1 : 0);
  }
  return {.forwards = forwards_of_run(kSteps, expert_at),
          .budget = 0.5,
          .max_segments = 3,
          .int8_error_share = share};
}

// A head of a segment as the rule sees it.
struct Option {
  std::size_t segment = 0, expert = 0, head = 0;
  double added = 0.0, cells = 0.0;
  bool int8 = false;
};

// Of all heads with keys in segments that are not dense, as far as a forward runs their expert.
std::vector<Option> options_of(const Ledger& ledger, const Plan& plan) {
  std::vector<Option> options;
  for (std::size_t segment = 0; segment < plan.segments.size(); ++segment) {
    for (std::size_t expert = 0; expert < plan.segments[segment].heads.size(); ++expert) {
      for (std::size_t head = 0; head < ledger.profile().heads(); ++head) {
        const Pattern& pattern = pattern_at(plan, segment, expert, head);
        Option option{.segment = segment, .expert = expert, .head = head};
        for (const Forward& forward : ledger.forwards()) {
          if (static_cast<std::size_t>(segment_at(plan, forward.t)) == segment &&
              static_cast<std::size_t>(forward.expert) == expert) {
            option.added += ledger.rounding(Precision::kInt8, forward, head);
            option.cells += ledger.cost(pattern).cells;
          }
        }
        option.int8 = precision_at(plan, segment, expert, head) == Precision::kInt8;
        if (option.cells > 0.0 && pattern.kind != PatternKind::kSkip &&
            pattern.kind != PatternKind::kMean) {
          options.push_back(option);
        }
      }
    }
  }
  return options;
}

Plan in_bf16(Plan plan) {
  for (Segment& segment : plan.segments) {
    for (std::vector<HeadPlan>& heads : segment.heads) {
      for (HeadPlan& head : heads) {
        head.precision = Precision::kBf16;
      }
    }
  }
  return plan;
}

Ledger ledger_of(const std::shared_ptr<Profile>& profile, const SolveRequest& request) {
  return Ledger(profile, request.forwards, request.weight, profile->layout);
}

class PrecisionChoice : public ::testing::TestWithParam<double> {};

TEST_P(PrecisionChoice, TakesTheLeastErrorPerCellAsLongAsTheShareLasts) {
  for (const std::int32_t experts : {1, 2}) {
    const std::shared_ptr<Profile> profile = profile_of(experts);
    const SolveRequest request = request_for(GetParam(), experts);
    const SolveResult result = solve(profile, request);
    const Ledger ledger = ledger_of(profile, request);
    const double of_patterns = ledger.error(in_bf16(result.plan));
    const double most = GetParam() * of_patterns;
    std::vector<Option> options = options_of(ledger, result.plan);
    std::stable_sort(options.begin(), options.end(), [](const Option& a, const Option& b) {
      return a.added / a.cells < b.added / b.cells;
    });
    double added = 0.0;
    for (const Option& option : options) {
      const bool fits = added + option.added <= most * (1.0 + 1e-12);
      EXPECT_EQ(option.int8, fits) << "segment " << option.segment << ", head " << option.head;
      added += fits ? option.added : 0.0;
    }
    EXPECT_GT(added, 0.0);
    EXPECT_NEAR(result.predicted_error, of_patterns + added, 1e-12 * of_patterns);
    EXPECT_NEAR(ledger.error(result.plan), result.predicted_error, 1e-12 * of_patterns);
    const SolveResult without = solve(profile, request_for(0.0, experts));
    EXPECT_EQ(without.plan.patterns, result.plan.patterns);
    EXPECT_EQ(without.density, result.density);
    EXPECT_NEAR(without.predicted_error, of_patterns, 1e-12 * of_patterns);
  }
}

INSTANTIATE_TEST_SUITE_P(Shares, PrecisionChoice, ::testing::Values(0.001, 0.05, 1.0));

TEST(PrecisionChoice, NoneWithoutAShareAndAllWithALargeOne) {
  const std::shared_ptr<Profile> profile = profile_of();
  EXPECT_EQ(precision_counts(solve(profile, request_for(0.0)).plan).int8, 0);
  const Plan all = solve(profile, request_for(1e9)).plan;
  EXPECT_EQ(precision_counts(all).int8, precision_counts(all).with_keys);
  EXPECT_GT(precision_counts(all).int8, 0);
}

TEST(PrecisionChoice, AHeadThatInt8HurtsStaysInBf16) {
  const std::shared_ptr<Profile> profile = profile_of();
  for (std::size_t time = 0; time < profile->t.size(); ++time) {
    profile->int8_error[time * profile->heads() + 5] = 100.0f;
  }
  const SolveRequest request = request_for(0.5);
  const SolveResult result = solve(profile, request);
  std::int64_t others = 0;
  for (const Option& option : options_of(ledger_of(profile, request), result.plan)) {
    EXPECT_FALSE(option.head == 5 && option.int8);
    others += option.int8 ? 1 : 0;
  }
  EXPECT_GT(others, 0);
}

TEST(PrecisionChoice, WhatIsToldStaysAsItWasTold) {
  const std::shared_ptr<Profile> profile = profile_of();
  SolveRequest request = request_for(1e9);
  request.budget = 0.8;
  request.dense_first_layers = 1;
  request.dense_first_steps = 2;
  const Pattern kept = profile->candidates.back();
  request.fixed = {{.layer = 1, .head = 2, .pattern = kept},
                   {.layer = 2, .head = 3, .pattern = kept, .precision = Precision::kInt8}};
  for (const double share : {0.0, 1e9}) {
    request.int8_error_share = share;
    const Plan plan = solve(profile, request).plan;
    EXPECT_TRUE(plan.segments.back().dense);
    for (std::size_t segment = 0; segment < plan.segments.size(); ++segment) {
      for (std::size_t head = 0; head < profile->heads() && !plan.segments[segment].dense; ++head) {
        const bool told = head < 4 || head == 6;
        const bool int8 = head == 11 || (share > 0.0 && !told);
        const bool keys = has_keys(pattern_at(plan, segment, 0, head).kind);
        EXPECT_EQ(precision_at(plan, segment, 0, head) == Precision::kInt8, int8 && keys)
            << "head " << head << ", share " << share;
      }
    }
  }
}

TEST(PrecisionChoice, KeepsToTheLimitOfHeadErrors) {
  const std::shared_ptr<Profile> profile = profile_of();
  SolveRequest request = request_for(1e9);
  request.max_head_error = 0.3;
  request.max_segments = 9;
  const Plan plan = solve(profile, request).plan;
  const Ledger ledger = ledger_of(profile, request);
  std::int64_t in_int8 = 0;
  for (const Forward& forward : request.forwards) {
    const auto segment = static_cast<std::size_t>(segment_at(plan, forward.t));
    for (std::size_t head = 0; head < profile->heads(); ++head) {
      const std::size_t candidate = *ledger.candidate(pattern_at(plan, segment, 0, head));
      const TimeShares one = ledger.shares(Measure::kHeadError, std::vector{forward}, 0);
      const double error = ledger.head_error(one, 0, head, candidate) +
                           ledger.rounding_head_error(Precision::kInt8, one, 0, head);
      const bool int8 = precision_at(plan, segment, 0, head) == Precision::kInt8;
      EXPECT_TRUE(!int8 || error <= *request.max_head_error);
      in_int8 += int8 ? 1 : 0;
    }
  }
  EXPECT_GT(in_int8, 0);
}

TEST(PrecisionChoice, RefusalsSayWhatIsWrong) {
  const std::shared_ptr<Profile> profile = profile_of();
  EXPECT_EQ(refusal([&] { solve(profile, request_for(-0.5)); }),
            "int8_error_share: -0.5 is not a finite number of at least 0");
  profile->int8_error.clear();
  EXPECT_EQ(
      refusal([&] { solve(profile, request_for(0.05)); }),
      "int8_error_share: 0.05, but the profile does not know what int8 loses; search with it");
  EXPECT_EQ(refusal([] { check_solve_options({.int8_error_share = -1.0}); }),
            "int8 error share -1 is not a finite number of at least 0");
}

TEST(PrecisionChoice, OfAProfileThatKnowsItIsTheSolversDefault) {
  const std::shared_ptr<Profile> profile = profile_of();
  const RunFacts run{.t = kSteps, .steps = static_cast<std::int32_t>(kSteps.size())};
  const auto int8_of = [&](const SolveOptions& options) {
    return precision_counts(solve_plan(profile, run, options).plan).int8;
  };
  EXPECT_GT(int8_of({.budget = 0.5}), 0);
  EXPECT_EQ(int8_of({.budget = 0.5, .int8_error_share = 0.0}), 0);
  EXPECT_EQ(int8_of({.policy = Policy::kPaperGreedy, .budget = 0.5}), 0) << "a rule of others";
  EXPECT_EQ(solve_plan(profile, run, {.budget = 0.5}).plan.provenance.at("int8_error_share"),
            "0.05");
  profile->int8_error.clear();
  EXPECT_EQ(int8_of({.budget = 0.5}), 0);
}

}  // namespace
}  // namespace twill::search
