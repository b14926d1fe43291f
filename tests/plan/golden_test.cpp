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

TEST(GoldenFiles, Version10IsWrittenByteForByte) {
  EXPECT_EQ(plan_to_json(test::small_plan()), text_of(kFolder / "small-1.0.json"));
  EXPECT_EQ(plan_to_json(test::full_plan()), text_of(kFolder / "full-1.0.json"));
  EXPECT_EQ(profile_to_json(test::full_profile()), text_of(kFolder / "profile-1.0.json"));
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
