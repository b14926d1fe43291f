// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/plan_io.h"

#include <gtest/gtest.h>

#include "plan/sample_plans.h"
#include "twill/plan/plan_facts.h"

namespace twill {
namespace {

TEST(PlanIo, WritingAndReadingKeepsEveryField) {
  for (const Plan& plan : {test::small_plan(), test::full_plan(), test::solved_plan()}) {
    const std::string text = plan_to_json(plan);
    test::expect_same(parse_plan(text, "x.json"), plan);
    EXPECT_EQ(plan_to_json(parse_plan(text, "x.json")), text);
  }
}

TEST(PlanIo, AZeroBelowZeroIsWrittenAsItIsReadAgain) {
  Plan plan = test::solved_plan();
  plan.solved_for->t.back() = -0.0;
  plan.expert_boundary = -0.0;
  const std::string text = plan_to_json(plan);
  EXPECT_EQ(plan_to_json(parse_plan(text, "x.json")), text);
}

// The version that a text says.
std::string version_of(const std::string& text) { return text.substr(text.find("\"1."), 5); }

TEST(PlanIo, OnlyWhatHasFactsIsOfTheVersionThatKnowsThem) {
  Plan plan = test::full_plan();
  EXPECT_EQ(version_of(plan_to_json(plan)), "\"1.0\"");
  plan.dense_first_layers = 0;
  EXPECT_EQ(version_of(plan_to_json(plan)), "\"1.1\"");

  Profile profile = test::full_profile();
  EXPECT_EQ(version_of(profile_to_json(profile)), "\"1.0\"");
  profile.expert_boundary = 0.5;
  EXPECT_EQ(version_of(profile_to_json(profile)), "\"1.1\"");

  plan.dense_first_layers.reset();
  plan.profile = std::make_shared<const Profile>(profile);
  EXPECT_EQ(version_of(plan_to_json(plan)), "\"1.1\"") << "the profile in it has a fact";
  EXPECT_EQ(parse_plan(plan_to_json(plan), "x.json").profile->expert_boundary, 0.5);
}

TEST(PlanIo, OnlyWhatHasHeadsInInt8OrTheirErrorsIsOfTheVersionThatKnowsThem) {
  Plan plan = test::small_plan();
  plan.segments[0].heads[0][1].precision = Precision::kInt8;
  EXPECT_EQ(version_of(plan_to_json(plan)), "\"1.2\"");
  plan.segments[0].heads[0][1].precision = Precision::kBf16;
  EXPECT_EQ(version_of(plan_to_json(plan)), "\"1.0\"");

  Profile profile = test::full_profile();
  profile.int8_error = profile.gain;
  EXPECT_EQ(version_of(profile_to_json(profile)), "\"1.2\"");
  plan = test::full_plan();
  plan.profile = std::make_shared<const Profile>(profile);
  EXPECT_EQ(version_of(plan_to_json(plan)), "\"1.2\"") << "of the profile in it";
  EXPECT_EQ(parse_plan(plan_to_json(plan), "x.json").profile->int8_error, profile.gain);
}

TEST(PlanFacts, AreShownBesideProvenanceAndBeforeIt) {
  const std::map<std::string, std::string> plan = shown_facts(test::solved_plan());
  EXPECT_EQ(
      plan,
      (std::map<std::string, std::string>{
          {"budget", "min_psnr_db 30, at density 0.3125"},
          {"dense_first_layers", "2"},
          {"expert_boundary", "0.9"},
          {"fixed_heads", "high_noise single_blocks.1 head 2, low_noise double_blocks.0 head 1"},
          {"grid", "13x20x24"},
          {"sampler", "unipc"},
          {"shift", "8"},
          {"source", "our own search"},
          {"steps", "3"},
          {"t", "1 0.75 0.3"}}));
  const std::map<std::string, std::string> profile = shown_facts(test::measured_profile());
  EXPECT_EQ(profile.at("sampler"), "uni_pc");
  EXPECT_EQ(profile.at("scheduler"), "日 beta");
  EXPECT_EQ(profile.at("time_weight"), "at t 0 0.5 1: 1 0 16.5");
  EXPECT_FALSE(profile.contains("shift")) << "the run has none";
  EXPECT_EQ(shown_facts(test::full_plan()), test::full_plan().provenance);
}

}  // namespace
}  // namespace twill
