// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/calibration.h"
#include "refusal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <ostream>

#include "search/synthetic_profile.h"
#include "twill/plan/error.h"
#include "twill/search/ledger.h"
#include "twill/search/solver.h"

namespace twill::search {
namespace {

const std::vector<double> kEdges{0.0, 0.3, 0.6, 0.9, 1.0};

std::vector<Probe> probes_of(const std::vector<double>& truth, int count, double noise) {
  test::Random random(3);
  std::vector<Probe> probes;
  for (int i = 0; i < count; ++i) {
    Probe probe;
    for (const double weight : truth) {
      probe.error_by_time.push_back(std::exp(-5.0 * random.next()));
      probe.clip_mse += weight * probe.error_by_time.back();
    }
    probe.clip_mse *= std::exp(noise * (2.0 * random.next() - 1.0));
    probes.push_back(std::move(probe));
  }
  return probes;
}

TEST(Calibration, ExactProbesGiveTheWeightsBack) {
  const std::vector<double> truth{0.002, 0.0, 0.03, 0.4};
  const Calibration found = calibrate(probes_of(truth, 12, 0.0), kEdges, {.prior_probes = 0.0});
  ASSERT_EQ(found.weight.weight.size(), truth.size());
  for (std::size_t bin = 0; bin < truth.size(); ++bin) {
    EXPECT_NEAR(found.weight.weight[bin], truth[bin], 1e-9) << bin;
    EXPECT_EQ(found.weight.t[bin], (kEdges[bin] + kEdges[bin + 1]) / 2.0);
  }
  EXPECT_EQ(found.rank_correlation, 1.0);
  check_time_weight(found.weight);
}

TEST(Calibration, NoisyProbesStillRankPlans) {
  const Calibration found = calibrate(probes_of({0.002, 0.005, 0.03, 0.4}, 24, 0.3), kEdges);
  EXPECT_GT(found.rank_correlation, 0.9);
  EXPECT_GT(found.weight.weight[3], 5.0 * found.weight.weight[2]);
}

TEST(Calibration, BinsThatNoProbeTellsApartStayNearThePrior) {
  std::vector<Probe> probes;
  for (const double size : {0.1, 0.2, 0.4}) {
    probes.push_back({.error_by_time = {size, size, size, size}, .clip_mse = 10.0 * size});
  }
  const TimeWeight prior{.t = {0.0, 1.0}, .weight = {1.0, 4.0}};
  const Calibration found = calibrate(probes, kEdges, {.prior = prior});
  double sum = 0.0;
  for (std::size_t bin = 0; bin < 4; ++bin) {
    const double expected = weight_at(prior, found.weight.t[bin]);
    EXPECT_NEAR(found.weight.weight[bin] / found.weight.weight[0],
                expected / weight_at(prior, 0.15), 1e-6);
    sum += found.weight.weight[bin];
  }
  EXPECT_NEAR(sum, 10.0, 1e-6);
}

TEST(Calibration, OneProbeIsEnoughForTheScale) {
  const Calibration found =
      calibrate({{.error_by_time = {1.0, 1.0, 1.0, 1.0}, .clip_mse = 3.0}}, kEdges);
  double sum = 0.0;
  for (const double weight : found.weight.weight) {
    EXPECT_GT(weight, 0.0);
    sum += weight;
  }
  EXPECT_NEAR(sum, 3.0, 1e-9);
}

TEST(Calibration, BadProbesAreNamed) {
  const auto text_of = [](std::vector<Probe> probes) -> std::string {
    return tests::refusal([&] { calibrate(probes, kEdges); });
  };
  const Probe good{.error_by_time = {1.0, 1.0, 1.0, 1.0}, .clip_mse = 1.0};
  EXPECT_EQ(text_of({}), "calibration: no probe");
  EXPECT_EQ(text_of({good, {.error_by_time = {1.0}, .clip_mse = 1.0}}),
            "probe 1: 1 bins of t, not 4");
  EXPECT_EQ(text_of({{.error_by_time = good.error_by_time, .clip_mse = 0.0}}),
            "probe 0: clip MSE 0 is not a finite number above 0");
  EXPECT_EQ(text_of({{.error_by_time = {0.0, 0.0, 0.0, 0.0}, .clip_mse = 1.0}}),
            "calibration: no probe is predicted to have any error");
}

TEST(NonNegativeLeastSquares, MatchesEverySupport) {
  // The best over all 2^4 sets of free unknowns, each solved by plain gradient steps.
  test::Random random(17);
  for (int round = 0; round < 30; ++round) {
    constexpr std::size_t kRows = 7, kColumns = 4;
    std::vector<double> a(kRows * kColumns), b(kRows);
    for (double& value : a) {
      value = random.next() - 0.3;
    }
    for (double& value : b) {
      value = random.next() - 0.4;
    }
    const auto loss_of = [&](const std::vector<double>& x) {
      double sum = 0.0;
      for (std::size_t row = 0; row < kRows; ++row) {
        double rest = -b[row];
        for (std::size_t i = 0; i < kColumns; ++i) {
          rest += a[row * kColumns + i] * x[i];
        }
        sum += rest * rest;
      }
      return sum;
    };
    // Projected gradient descent, long enough to converge on so small a problem.
    std::vector<double> x(kColumns, 0.0);
    for (int step = 0; step < 60000; ++step) {
      std::vector<double> gradient(kColumns, 0.0);
      for (std::size_t row = 0; row < kRows; ++row) {
        double rest = -b[row];
        for (std::size_t i = 0; i < kColumns; ++i) {
          rest += a[row * kColumns + i] * x[i];
        }
        for (std::size_t i = 0; i < kColumns; ++i) {
          gradient[i] += rest * a[row * kColumns + i];
        }
      }
      for (std::size_t i = 0; i < kColumns; ++i) {
        x[i] = std::max(0.0, x[i] - 0.1 * gradient[i]);
      }
    }
    const std::vector<double> found = non_negative_least_squares(a, b, kColumns);
    for (const double value : found) {
      EXPECT_GE(value, 0.0);
    }
    EXPECT_NEAR(loss_of(found), loss_of(x), 1e-6) << round;
  }
}

struct RankCase {
  const char* why;
  std::vector<double> a, b;
  double expected;
};
void PrintTo(const RankCase& one, std::ostream* out) { *out << one.why; }
class Ranks : public ::testing::TestWithParam<RankCase> {};

TEST_P(Ranks, Correlate) {
  EXPECT_NEAR(rank_correlation(GetParam().a, GetParam().b), GetParam().expected, 1e-12);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Ranks,
    ::testing::Values(RankCase{"same_order", {1, 5, 9}, {2, 3, 400}, 1.0},
                      RankCase{"reversed", {1, 5, 9}, {3, 2, 1}, -1.0},
                      RankCase{"one_swap", {1, 2, 3, 4}, {1, 3, 2, 4}, 0.8},
                      RankCase{"ties_share", {1, 1, 2}, {1, 2, 3}, std::sqrt(3.0) / 2.0},
                      RankCase{"constant", {1, 1, 1}, {1, 2, 3}, 0.0}),
    [](const auto& tested) { return std::string(tested.param.why); });

TEST(TimeWeights, GoInStraightLinesAndStayConstantOutside) {
  const TimeWeight weight{.t = {0.2, 0.6}, .weight = {1.0, 3.0}};
  EXPECT_EQ(weight_at(weight, 0.0), 1.0);
  EXPECT_EQ(weight_at(weight, 0.2), 1.0);
  EXPECT_NEAR(weight_at(weight, 0.4), 2.0, 1e-12);
  EXPECT_EQ(weight_at(weight, 0.9), 3.0);
  check_time_weight(default_time_weight());
}

// Plans and published figures rest on these numbers: a change is a decision, with new results.
TEST(TimeWeights, TheDefaultIsTheOneThatResultsWereMadeWith) {
  const TimeWeight weight = default_time_weight();
  EXPECT_EQ(weight.t,
            (std::vector<double>{0.0, 0.25, 0.5, 0.7, 0.8, 0.85, 0.9, 0.925, 0.945, 0.965, 1.0}));
  EXPECT_EQ(weight.weight, (std::vector<double>{1.0, 1.2, 2.3, 13.0, 43.0, 100.0, 200.0, 360.0,
                                                850.0, 2900.0, 2800.0}));
}

TEST(ErrorByTime, BinsAddUpToThePredictedError) {
  const test::ProfileShape shape;
  const auto profile = test::synthetic_profile(shape, test::some_candidates(shape.layout, 10), 4);
  SolveRequest request;
  request.forwards = forwards_at({1.0, 0.9, 0.75, 0.6, 0.45, 0.3, 0.15});
  request.weight = {.t = {0.0}, .weight = {1.0}};
  request.dense_first_steps = 1;
  const SolveResult result = solve(profile, request);
  const Ledger ledger(profile, request.forwards, request.weight, profile->layout);
  const std::vector<double> bins = ledger.error_by_time(result.plan, kEdges);
  ASSERT_EQ(bins.size(), 4u);
  EXPECT_NEAR(bins[0] + bins[1] + bins[2] + bins[3], result.predicted_error,
              1e-9 * result.predicted_error);
  // 0.9 lies in (0.6, 0.9], so that only the dense first step lies above.
  EXPECT_EQ(bins[3], 0.0);
}

TEST(TimeWeight, IsKeptInAProfile) {
  Profile profile;
  EXPECT_EQ(time_weight_of(profile), default_time_weight());
  const TimeWeight weight{.t = {0.1, 0.7}, .weight = {0.3, 2.5e-7}};
  profile.provenance[kTimeWeightKey] = R"({"t": [0.1, 0.7], "weight": [0.3, 2.5e-7]})";
  EXPECT_EQ(time_weight_of(profile), weight);
  for (const char* damaged : {"", "{}", R"({"t": [0.1], "weight": "x"})"}) {
    profile.provenance[kTimeWeightKey] = damaged;
    EXPECT_THROW(time_weight_of(profile), Error) << damaged;
  }
  profile.time_weight = TimeWeight{.t = {0.5}, .weight = {2.0}};
  EXPECT_EQ(time_weight_of(profile), (TimeWeight{.t = {0.5}, .weight = {2.0}}));
  profile.time_weight.reset();
  profile.expert_boundary = 0.5;
  EXPECT_EQ(time_weight_of(profile), default_time_weight()) << "the words are for people";
}

TEST(ErrorByTime, APatternThatWasNotProfiledIsNamed) {
  const test::ProfileShape shape;
  const auto profile = test::synthetic_profile(shape, test::some_candidates(shape.layout, 6), 4);
  Plan plan;
  plan.model = profile->model;
  plan.patterns = {make_pattern(Diagonal{.reach = 0.321})};
  plan.segments = {{.heads = {std::vector<HeadPlan>(profile->heads())}}};
  try {
    Ledger(profile, forwards_at({0.5}), default_time_weight(), profile->layout).error(plan);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("is no candidate of the profile"), std::string::npos);
  }
}

}  // namespace
}  // namespace twill::search
