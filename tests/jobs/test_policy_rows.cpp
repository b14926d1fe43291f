// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "policy_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "twill/jobs/policies.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

TEST(PolicyRows, ContrastsNameRowsThatDiffer) {
  const std::vector<std::string> names = policy_row_names();
  for (const report::ContrastRows& contrast : contrast_rows()) {
    EXPECT_NE(std::ranges::find(names, contrast.row), names.end()) << contrast.row;
    EXPECT_NE(std::ranges::find(names, contrast.than), names.end()) << contrast.than;
    EXPECT_NE(contrast.row, contrast.than);
  }
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

TEST(PolicyRows, AreChosenByNameOrByWhatTheyBeginWith) {
  const auto chosen = [](const std::vector<std::string>& wanted) {
    std::vector<std::string> names;
    for (const PolicyRow& row : policy_rows(wanted)) {
      names.push_back(row.name);
    }
    return names;
  };
  EXPECT_EQ(chosen({}), policy_row_names());
  EXPECT_EQ(chosen({"sta.relative"}), (std::vector<std::string>{"solver", "sta.relative"}));
  EXPECT_EQ(chosen({"svg"}),
            (std::vector<std::string>{"solver", "svg.relative", "svg.gain_and_time"}));
  try {
    policy_rows({"svg", "stan"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("row \"stan\" is none of solver, "), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace twill::jobs
