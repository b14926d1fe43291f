// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/plan_io.h"

#include <gtest/gtest.h>

#include "plan/sample_plans.h"

namespace twill {
namespace {

TEST(PlanIo, WritingAndReadingKeepsEveryField) {
  for (const Plan& plan : {test::small_plan(), test::full_plan()}) {
    const std::string text = plan_to_json(plan);
    test::expect_same(parse_plan(text, "x.json"), plan);
    EXPECT_EQ(plan_to_json(parse_plan(text, "x.json")), text);
  }
}

}  // namespace
}  // namespace twill
