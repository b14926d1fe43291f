// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "twill/plan/plan.h"
#include "twill/plan/profile.h"

namespace twill::test {

// The plan of tests/data/plan/small-1.0.json: one stack, one expert, three patterns, a dense
// segment.
Plan small_plan();
// The plan of tests/data/plan/full-1.0.json: every kind of pattern, two experts, two stacks, a
// profile.
Plan full_plan();
// The profile of tests/data/plan/profile-1.0.json, which full_plan() was solved from.
Profile full_profile();
// The plan of tests/data/plan/solved-1.1.json: every typed fact, and measured_profile().
Plan solved_plan();
// The profile of tests/data/plan/measured-1.1.json: a run that none of our samplers gives.
Profile measured_profile();

// The plan of tests/data/plan/precise-1.2.json: solved_plan() with heads in INT8, and
// precise_profile().
Plan precise_plan();
// The profile of tests/data/plan/precise-profile-1.2.json: measured_profile() with the errors of
// INT8.
Profile precise_profile();

// Plan has no operator== (a profile is shared): every field, the profile's too.
void expect_same(const Plan& a, const Plan& b);
void expect_same(const Profile& a, const Profile& b);

}  // namespace twill::test
