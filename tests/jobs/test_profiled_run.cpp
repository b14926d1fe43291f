// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include "twill/jobs/profiled_run.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

Profile example() {
  Profile profile;
  profile.layout = {.frames = 13, .rows = 16, .cols = 16};
  profile.t = {1.0, 0.5};
  return profile;
}

std::string refusal(const Profile& profile) {
  try {
    profiled_run(profile);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ProfiledRun, has_the_steps_that_the_provenance_tells) {
  Profile profile = example();
  profile.provenance = {{"steps", "4"}, {"shift", "3.0"}, {"sampler", "euler"}};
  const ProfiledRun run = profiled_run(profile);
  // t = s u / (1 + (s - 1) u) at u = 1, 3/4, 1/2, 1/4.
  const double wanted[] = {1.0, 0.9, 0.75, 0.5};
  ASSERT_EQ(run.forwards.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(run.forwards[i].t, wanted[i], 1e-6);
  }
  EXPECT_EQ(run.description, "4 steps of euler, shift 3, 13x16x16 tokens");
}

TEST(ProfiledRun, falls_back_to_the_profiled_times) {
  const ProfiledRun run = profiled_run(example());
  ASSERT_EQ(run.forwards.size(), 2u);
  EXPECT_EQ(run.forwards[1].t, 0.5);
  EXPECT_EQ(run.weight, search::default_time_weight());
  EXPECT_EQ(run.description, "one forward at each of 2 profiled t, 13x16x16 tokens");
}

TEST(ProfiledRun, knows_which_expert_runs) {
  Profile profile = example();
  profile.model.experts = {"high_noise", "low_noise"};
  profile.provenance = {{"steps", "4"}, {"shift", "3"}, {"expert_boundary", "0.8"}};
  const ProfiledRun run = profiled_run(profile);
  ASSERT_EQ(run.forwards.size(), 4u);
  for (const search::Forward& forward : run.forwards) {
    EXPECT_EQ(forward.expert, forward.t < 0.8 ? 1 : 0) << forward.t;
  }
  profile.provenance.erase("expert_boundary");
  EXPECT_NE(refusal(profile).find("does not say below which t the second one runs"),
            std::string::npos);
}

TEST(ProfiledRun, names_what_cannot_be_read) {
  Profile profile = example();
  profile.provenance = {{"steps", "many"}, {"shift", "3"}};
  EXPECT_EQ(refusal(profile), "the profile's steps \"many\" is not a positive number");
  profile.provenance["steps"] = "4000000";
  EXPECT_EQ(refusal(profile), "the profile's steps 4e+06 is not a whole number up to 1000");
}

}  // namespace
}  // namespace twill::jobs
