// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/policies_report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace twill::report {
namespace {

constexpr std::array<ContrastRows, 2> kContrasts{
    {{"the solver", "solver", "paper_greedy.gain_and_time.step"},
     {"segments, in the solver", "solver", "solver.one"}}};

PolicyRun run_of(std::initializer_list<double> psnr_db, double density = 0.4) {
  PolicyRun run{.density = density};
  for (const double one : psnr_db) {
    run.quality.push_back({.psnr_db = one, .ssim = one / 100.0});
  }
  return run;
}

// Prompts that differ by 20 dB, and rows that differ by a tenth of that.
PoliciesReport some_report() {
  PoliciesReport report;
  report.policies.push_back(
      {.row = "solver", .runs = {run_of({20, 40, 30}), run_of({21, 41, 31})}});
  report.policies.push_back(
      {.row = "solver.one", .runs = {run_of({19, 38, 29}), run_of({18, 39, 29}, 0.38)}});
  report.policies.push_back(
      {.row = "paper_greedy.gain_and_time.step", .runs = {run_of({17, 37, 27}), run_of({})}});
  return report;
}

TEST(PolicySums, DifferencesAreTakenClipByClip) {
  PoliciesReport report = some_report();
  add_sums(report, kContrasts);
  const PolicyResult& one = report.policies[1];
  EXPECT_DOUBLE_EQ(one.psnr_db, 172.0 / 6.0);
  EXPECT_EQ(one.psnr_db_worst, 18.0);
  EXPECT_DOUBLE_EQ(one.ssim, 1.72 / 6.0);
  EXPECT_DOUBLE_EQ(one.density, 0.39);
  EXPECT_DOUBLE_EQ(one.behind_db, (1.0 + 2 + 1 + 3 + 2 + 2) / 6.0);
  const std::array differences{1.0, 2.0, 1.0, 3.0, 2.0, 2.0};
  const Interval wanted = crossed_interval(differences, 2);
  EXPECT_DOUBLE_EQ(one.behind_db_95.low, wanted.low);
  EXPECT_DOUBLE_EQ(one.behind_db_95.high, wanted.high);
  // Unpaired, prompts that differ by 20 dB would hide all of it.
  EXPECT_GT(one.behind_db_95.low, 0.0);
  EXPECT_EQ(report.policies[0].behind_db, 0.0);
  EXPECT_EQ(report.policies[0].behind_db_95.high, 0.0);
}

TEST(PolicySums, ARowWithoutAPlanOfOneProfileIsNotMeasured) {
  PoliciesReport report = some_report();
  add_sums(report, kContrasts);
  EXPECT_FALSE(report.policies[2].measured());
  EXPECT_EQ(report.policies[2].psnr_db, 0.0);
}

TEST(PolicySums, ARowOfAnotherDensityIsComparedWithTheSolverThere) {
  PoliciesReport report = some_report();
  for (PolicyRun& run : report.policies[1].runs) {
    run.solver_there = run_of({30, 50, 40}).quality;
  }
  add_sums(report, kContrasts);
  EXPECT_DOUBLE_EQ(report.policies[1].behind_db, (11.0 + 12 + 11 + 12 + 11 + 11) / 6.0);
}

TEST(PolicySums, ContrastsAreThoseOfRowsThatWereBothMeasured) {
  PoliciesReport report = some_report();
  add_sums(report, kContrasts);
  ASSERT_EQ(report.contrasts.size(), 1u);
  EXPECT_EQ(report.contrasts[0].factor, "segments, in the solver");
  EXPECT_DOUBLE_EQ(report.contrasts[0].brings_db, 11.0 / 6.0);
}

}  // namespace
}  // namespace twill::report
