// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Files of each released schema version read for ever. write_golden writes them once for a new
// version, never again for an old one.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "plan/sample_plans.h"
#include "twill/plan/plan_io.h"

namespace twill {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(TWILL_TEST_DATA) / "plan";

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(GoldenFiles, Version10ReadsAsItWasWritten) {
  test::expect_same(read_plan(kFolder / "small-1.0.json"), test::small_plan());
  test::expect_same(read_plan(kFolder / "full-1.0.json"), test::full_plan());
  test::expect_same(read_profile(kFolder / "profile-1.0.json"), test::full_profile());
}

// These files have a seed below 0, as once could be: it is written as the one in 0..2^64-1 that
// gives the same noise.
std::string with_todays_seeds(std::string text) {
  const std::string before = "\"seeds\": [0, -1, 9223372036854775807]";
  const std::size_t at = text.find(before);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, before.size(),
                      "\"seeds\": [0, 18446744073709551615, 9223372036854775807]");
}

TEST(GoldenFiles, Version10IsWrittenByteForByte) {
  EXPECT_EQ(plan_to_json(test::small_plan()), text_of(kFolder / "small-1.0.json"));
  EXPECT_EQ(plan_to_json(test::full_plan()), with_todays_seeds(text_of(kFolder / "full-1.0.json")));
  EXPECT_EQ(profile_to_json(test::full_profile()),
            with_todays_seeds(text_of(kFolder / "profile-1.0.json")));
}

TEST(GoldenFiles, Version11ReadsAsItWasWrittenAndIsWrittenByteForByte) {
  test::expect_same(read_plan(kFolder / "solved-1.1.json"), test::solved_plan());
  test::expect_same(read_profile(kFolder / "measured-1.1.json"), test::measured_profile());
  EXPECT_EQ(plan_to_json(test::solved_plan()), text_of(kFolder / "solved-1.1.json"));
  EXPECT_EQ(profile_to_json(test::measured_profile()), text_of(kFolder / "measured-1.1.json"));
}

TEST(GoldenFiles, Version12ReadsAsItWasWrittenAndIsWrittenByteForByte) {
  test::expect_same(read_plan(kFolder / "precise-1.2.json"), test::precise_plan());
  test::expect_same(read_profile(kFolder / "precise-profile-1.2.json"), test::precise_profile());
  EXPECT_EQ(plan_to_json(test::precise_plan()), text_of(kFolder / "precise-1.2.json"));
  EXPECT_EQ(profile_to_json(test::precise_profile()),
            text_of(kFolder / "precise-profile-1.2.json"));
}

TEST(GoldenFiles, ANewerMinorVersionIsReadAndItsFieldsKept) {
  const std::string text = text_of(kFolder / "newer-1.7.json");
  const Plan plan = parse_plan(text, "newer-1.7.json");
  EXPECT_EQ(plan.schema_minor, 7);
  ASSERT_EQ(plan.newer_fields.size(), 1u);
  EXPECT_EQ(plan.newer_fields.begin()->first, "licence");
  EXPECT_EQ(plan_to_json(plan), text);
}

}  // namespace
}  // namespace twill
