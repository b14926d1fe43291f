// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/forwards.h"
#include "refusal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "search/synthetic_profile.h"
#include "twill/plan/error.h"
#include "twill/search/solver.h"

namespace twill::search {
namespace {

const std::vector<double> kTimes{1.0, 0.95, 0.9, 0.5, 0.2};

std::shared_ptr<Profile> profile_of(std::int32_t experts) {
  const test::ProfileShape shape{.experts = experts};
  return test::synthetic_profile(shape, test::some_candidates(shape.layout, 12), 4);
}

std::vector<std::int32_t> experts_of(const std::vector<Forward>& forwards) {
  std::vector<std::int32_t> experts;
  for (const Forward& forward : forwards) {
    experts.push_back(forward.expert);
  }
  return experts;
}

std::string refusal(const Profile& profile) {
  return tests::refusal([&] { forwards_of_run(profile, kTimes); });
}

TEST(Forwards, OfARunCountTheSquareOfTheirStep) {
  // Steps of 0.2, 0.5 and 0.3; the middle one has two branches.
  const std::vector<Forward> forwards = forwards_of_run({1.0, 0.8, 0.8, 0.3});
  const double mean = (0.04 + 2 * 0.25 + 0.09) / 4.0;
  ASSERT_EQ(forwards.size(), 4u);
  EXPECT_NEAR(forwards[0].weight, 0.04 / mean, 1e-12);
  EXPECT_NEAR(forwards[1].weight, 0.25 / mean, 1e-12);
  EXPECT_NEAR(forwards[2].weight, 0.25 / mean, 1e-12);
  EXPECT_NEAR(forwards[3].weight, 0.09 / mean, 1e-12);
}

TEST(Forwards, OfOneExpertAreAllItsOwn) {
  EXPECT_EQ(forwards_of_run(*profile_of(1), kTimes), forwards_of_run(kTimes));
}

TEST(Forwards, ChangeTheirExpertBelowTheBoundary) {
  const auto profile = profile_of(2);
  profile->provenance[kExpertBoundaryKey] = "0.9";
  EXPECT_EQ(experts_of(forwards_of_run(*profile, kTimes)),
            (std::vector<std::int32_t>{0, 0, 0, 1, 1}));
  EXPECT_EQ(experts_of(forwards_of_run(*profile, kTimes, 0.3)),
            (std::vector<std::int32_t>{0, 0, 0, 0, 1}))
      << "what is told comes before the profile";
}

TEST(Forwards, RefuseARunWhoseExpertsNobodyKnows) {
  const auto profile = profile_of(2);
  EXPECT_EQ(refusal(*profile),
            "the profile is of a model with two experts and does not say below which t the second "
            "one runs (expert_boundary)");
  for (const char* value : {"", "high", "0.9x", "1.5", "-0.1", "nan"}) {
    profile->provenance[kExpertBoundaryKey] = value;
    EXPECT_EQ(refusal(*profile),
              concat("the profile's expert_boundary \"", value, "\" is not a number within 0..1"));
  }
  EXPECT_EQ(refusal(*profile_of(3)),
            "a model with 3 experts: no more than two are known to share a run");
  EXPECT_THROW(forwards_of_run(kTimes, {0, 1}), Error);
}

TEST(Forwards, RefuseATimestepOfAnotherRange) {
  for (const auto& [t, text] : {std::pair{500.0, "500"}, {-0.5, "-0.5"}, {std::nan(""), "nan"}}) {
    try {
      forwards_of_run({1.0, t});
      ADD_FAILURE() << text << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()),
                concat("t ", text,
                       " is not within 0..1 (a model's timestep divided by its training range)"));
    }
  }
  EXPECT_EQ(forwards_at({1.0 + 1e-9}).front().t, 1.0) << "a rounding past the end is the end";
  EXPECT_THROW(forwards_of_run(*profile_of(2), kTimes, 875.0), Error);
}

// Each expert's heads are chosen by the steps that it runs; none stays dense for want of steps.
TEST(Forwards, LetTheSolverSpendTheBudgetOnBothExperts) {
  const auto profile = profile_of(2);
  profile->provenance[kExpertBoundaryKey] = "0.9";
  SolveRequest request{.forwards = forwards_of_run(*profile, kTimes), .budget = 0.4};
  request.dense_first_steps = request.dense_last_steps = 0;
  const Plan plan = solve(profile, request).plan;
  for (std::size_t expert = 0; expert < 2; ++expert) {
    const double t = expert == 0 ? 0.95 : 0.5;
    const Segment& segment = plan.segments[static_cast<std::size_t>(segment_at(plan, t))];
    ASSERT_FALSE(segment.dense);
    EXPECT_TRUE(std::any_of(segment.heads[expert].begin(), segment.heads[expert].end(),
                            [&](const HeadPlan& head) {
                              return plan.patterns[static_cast<std::size_t>(head.pattern)].kind !=
                                     PatternKind::kDense;
                            }))
        << "expert " << expert;
  }
}

}  // namespace
}  // namespace twill::search
