// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/compile.h"

#include <gtest/gtest.h>

#include "plan/pattern_cases.h"
#include "plan/tile_oracle.h"

namespace twill {
namespace {

using test::kOddLayouts;
using test::kOrders;
using test::kPatternCases;

class CompileInOrder : public ::testing::TestWithParam<test::LayoutCase> {};

TEST_P(CompileInOrder, EqualsKeepsOverEveryPair) {
  const TokenLayout layout = GetParam().layout;
  for (const test::PatternCase& row : kPatternCases) {
    const auto pairs = test::pairs_kept(row.pattern, layout);
    for (const TokenOrder& order : kOrders) {
      Pattern pattern = row.pattern;
      pattern.order = order;
      const TileList list = compile_pattern(pattern, layout);
      const test::TileMatrix expected = test::tiles_by_pairs(pairs, layout, order);
      const test::TileMatrix made = test::tiles_of_list(list, layout);
      ASSERT_EQ(made, expected) << row.why << ", " << order_name(order) << "\nmade\n"
                                << test::picture(made) << "expected\n"
                                << test::picture(expected);
      EXPECT_EQ(list.tiles, test::count(expected));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, CompileInOrder, ::testing::ValuesIn(kOddLayouts),
                         [](const auto& row) { return std::string(row.param.why); });

}  // namespace
}  // namespace twill
