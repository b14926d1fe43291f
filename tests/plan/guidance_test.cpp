// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/guidance.h"

#include <gtest/gtest.h>

#include <string>

#include "expect_error.h"

namespace twill {
namespace {

TEST(Guidance, IsOneScaleOrOneForEachOfTwoExperts) {
  EXPECT_EQ(parse_guidance("4"), Guidance(4.0));
  EXPECT_EQ(parse_guidance("4").of(1), 4.0);
  const Guidance two = parse_guidance("4,3.5");
  EXPECT_EQ(two.of(0), 4.0);
  EXPECT_EQ(two.of(1), 3.5);
  EXPECT_EQ(concat(two), "4,3.5");
  EXPECT_EQ(concat(Guidance(2.5)), "2.5");
  EXPECT_EQ(parse_guidance(concat(two)), two);
  const Guidance thirds(10.0 / 3, 7.0 / 3);
  EXPECT_EQ(parse_guidance(concat(thirds)), thirds);
  // The same scale twice is one.
  EXPECT_EQ(Guidance(4.0, 4.0), Guidance(4.0));
  EXPECT_FALSE(two == Guidance(4.0));
}

TEST(Guidance, OfOneExpertAloneIsGuidance) {
  EXPECT_FALSE(Guidance().any());
  EXPECT_TRUE(Guidance(3.5, 1.0).any());
  EXPECT_TRUE(Guidance(1.0, 3.5).any());
  EXPECT_FALSE(Guidance(1.0, 1.0).any());
}

TEST(Guidance, OtherTextsAreNamed) {
  for (const std::string text : {"", "x", "4,", ",3", "4,3,2", "4 3", "4;3", "0x4", "4, 3"}) {
    EXPECT_ERROR(parse_guidance(text), "guidance \"" + text + "\" is neither a number nor two");
  }
}

}  // namespace
}  // namespace twill
