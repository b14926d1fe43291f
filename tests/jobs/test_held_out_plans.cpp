// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "held_out_plans.h"
#include "refusal.h"
#include "search/synthetic_profile.h"
#include "twill/plan/error.h"
#include "twill/search/calibration.h"
#include "twill/search/policies.h"

namespace twill::jobs {
namespace {

std::shared_ptr<Profile> small_profile() {
  const test::ProfileShape shape{.layers = 2,
                                 .heads = 3,
                                 .layout = {.frames = 13, .rows = 16, .cols = 16},
                                 .t = {1.0, 0.9, 0.7, 0.4, 0.1}};
  return test::synthetic_profile(shape, test::some_candidates(shape.layout, 60), 2);
}

report::SamplerRun run_of_steps(std::int32_t steps) {
  report::SamplerRun run{.sampler = "euler", .steps = steps, .shift = 1.0};
  for (std::int32_t i = 0; i < steps; ++i) {
    run.t.push_back(1.0 - static_cast<double>(i) / steps);
  }
  return run;
}

struct Wanted {
  search::Policy policy = search::Policy::kSolver;
  std::optional<std::int32_t> dense_steps;
  std::int32_t segments = 8;
  std::optional<search::Measure> measure;
};

// The list in the words of PredictionOptions::densities.
std::vector<Wanted> list_for(std::int32_t fifth) {
  std::vector<Wanted> list{{}, {.segments = 1}};
  for (const auto& [policy, name] : search::kPolicyNames) {
    list.push_back({.policy = policy, .dense_steps = 0});
    list.push_back({.policy = policy, .dense_steps = fifth});
    if (policy != search::Policy::kSolver) {
      list.push_back({.policy = policy, .dense_steps = 0, .measure = search::Measure::kError});
    }
  }
  return list;
}

std::string name_of(const Wanted& wanted, const std::string& density) {
  return std::string(search::policy_name(wanted.policy)) + " " + density + ", " +
         (wanted.dense_steps ? std::to_string(*wanted.dense_steps) : "free") + " dense steps, " +
         std::to_string(wanted.segments) + " segments" + (wanted.measure ? ", gain_and_time" : "");
}

bool same(const Plan& a, const Plan& b) {
  return a.patterns == b.patterns && a.segments == b.segments;
}

std::int32_t dense_steps_at_the_start(const Plan& plan, const report::SamplerRun& run) {
  std::int32_t steps = 0;
  for (const double t : run.t) {
    if (!plan.segments[static_cast<std::size_t>(segment_at(plan, t))].dense) {
      break;
    }
    ++steps;
  }
  return steps;
}

TEST(HeldOutPlans, are_every_plan_of_the_list_that_there_is_once) {
  const auto profile = small_profile();
  const report::SamplerRun run = run_of_steps(20);
  const std::vector<std::pair<double, std::string>> densities{{0.15, "0.15"}, {0.5, "0.5"}};
  const std::vector<HeldOut> found =
      held_out_plans(profile, run, profile->layout, {.densities = {0.15, 0.5}});
  std::size_t next = 0, refused = 0, doubled = 0;
  for (const auto& [density, text] : densities) {
    for (const Wanted& wanted : list_for(4)) {
      std::optional<search::SolveResult> solved;
      const std::string why = tests::refusal([&] {
        solved = search::solve_plan(
            profile, {.t = run.t, .steps = 20},
            {.policy = wanted.policy,
             .budget = density,
             .segments = wanted.segments,
             .dense_first_steps = wanted.dense_steps,
             .dense_last_steps = wanted.dense_steps ? std::optional(0) : std::nullopt,
             .measure = wanted.measure});
      });
      if (!solved) {
        ++refused;
        continue;
      }
      const bool known =
          std::any_of(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(next),
                      [&](const HeldOut& one) { return same(one.solved.plan, solved->plan); });
      if (known) {
        ++doubled;
        continue;
      }
      ASSERT_LT(next, found.size()) << name_of(wanted, text);
      EXPECT_EQ(found[next].name, name_of(wanted, text));
      EXPECT_TRUE(same(found[next].solved.plan, solved->plan)) << found[next].name;
      EXPECT_LE(found[next].solved.density, density + 1e-8) << found[next].name;
      if (wanted.dense_steps) {
        EXPECT_GE(dense_steps_at_the_start(found[next].solved.plan, run), *wanted.dense_steps)
            << found[next].name;
      }
      ++next;
    }
  }
  EXPECT_EQ(next, found.size());
  // A fifth of the steps dense is more than 0.15 for every rule.
  EXPECT_GE(refused, search::kPolicyNames.size());
  EXPECT_GE(doubled, 1u);
}

TEST(HeldOutPlans, of_one_density_told_twice_are_no_more) {
  const auto profile = small_profile();
  const report::SamplerRun run = run_of_steps(5);
  const auto count = [&](const std::vector<double>& densities) {
    return held_out_plans(profile, run, profile->layout, {.densities = densities}).size();
  };
  EXPECT_EQ(count({0.4, 0.4}), count({0.4}));
}

TEST(HeldOutPlans, of_a_few_steps_have_one_dense_step_at_least) {
  const auto profile = small_profile();
  const std::vector<HeldOut> found =
      held_out_plans(profile, run_of_steps(3), profile->layout, {.densities = {0.6}});
  EXPECT_TRUE(std::any_of(found.begin(), found.end(), [](const HeldOut& one) {
    return one.name == "paper_greedy 0.6, 1 dense steps, 8 segments";
  }));
}

TEST(HeldOutPlans, are_for_the_grid_of_the_clips) {
  const auto profile = small_profile();
  const TokenLayout shorter{.frames = 7, .rows = 16, .cols = 16};
  const report::SamplerRun run = run_of_steps(5);
  const std::vector<HeldOut> found = held_out_plans(profile, run, shorter, {.densities = {0.4}});
  const search::Ledger ledger(profile, search::forwards_of_run(*profile, run.t),
                              search::time_weight_of(*profile), shorter);
  ASSERT_GT(found.size(), 2u);
  for (const HeldOut& one : found) {
    EXPECT_NEAR(one.solved.density, ledger.numbers(one.solved.plan).density, 1e-9) << one.name;
  }
}

TEST(HeldOutPlans, of_a_profile_that_is_damaged_are_not_left_out_in_silence) {
  const auto profile = small_profile();
  profile->candidates[0] = skip();
  EXPECT_NE(tests::refusal([&] {
              held_out_plans(profile, run_of_steps(5), profile->layout, {.densities = {0.4}});
            }).find("no dense candidate"),
            std::string::npos);
}

class Outcome : public ::testing::Test {
 protected:
  Outcome() {
    options_.densities = {0.25, 0.5};
    plans_ = held_out_plans(profile_, run_, profile_->layout, options_);
    for (const HeldOut& plan : plans_) {
      predicted_.push_back(ledger_.error(plan.solved.plan));
    }
  }

  bool at(std::size_t plan, double density) const {
    return std::abs(plans_[plan].solved.density - density) < 0.02;
  }
  report::PredictionReport outcome(const std::vector<std::vector<double>>& psnr_db) const {
    report::PredictionReport report{.asked = options_.densities};
    add_outcome(report, plans_, ledger_, psnr_db, options_.terms);
    return report;
  }

  std::shared_ptr<Profile> profile_ = small_profile();
  report::SamplerRun run_ = run_of_steps(5);
  PredictionOptions options_;
  std::vector<HeldOut> plans_;
  search::Ledger ledger_{profile_, search::forwards_of_run(*profile_, run_.t),
                         search::time_weight_of(*profile_), profile_->layout};
  std::vector<double> predicted_;
};

TEST_F(Outcome, is_the_mean_of_the_prompts_squared_errors) {
  std::vector<std::vector<double>> psnr_db;
  for (std::size_t i = 0; i < plans_.size(); ++i) {
    psnr_db.push_back({20.0 + static_cast<double>(i), 31.0, 40.0});
  }
  const report::PredictionReport report = outcome(psnr_db);
  ASSERT_EQ(report.plans.size(), plans_.size());
  for (std::size_t i = 0; i < plans_.size(); ++i) {
    double mse = 0.0;
    for (const double db : psnr_db[i]) {
      mse += 65025.0 / std::pow(10.0, db / 10.0);
    }
    EXPECT_NEAR(report.plans[i].measured_mse, mse / 3.0, 1e-9 * mse);
    EXPECT_EQ(report.plans[i].predicted, predicted_[i]);
    EXPECT_EQ(report.plans[i].name, plans_[i].name);
    EXPECT_EQ(report.densities[i], plans_[i].solved.density);
  }
}

TEST_F(Outcome, terms_add_up_to_what_was_predicted) {
  EXPECT_TRUE(outcome(std::vector<std::vector<double>>(plans_.size(), {30.0})).terms.empty());
  options_.terms = true;
  const report::PredictionReport report =
      outcome(std::vector<std::vector<double>>(plans_.size(), {30.0}));
  ASSERT_EQ(report.terms.size(), plans_.size());
  for (std::size_t i = 0; i < plans_.size(); ++i) {
    for (const auto* terms : {&report.terms[i].layer_error, &report.terms[i].kind_error}) {
      double sum = 0.0;
      for (const std::vector<double>& row : *terms) {
        EXPECT_EQ(row.size(), run_.t.size());
        sum = std::accumulate(row.begin(), row.end(), sum);
      }
      EXPECT_NEAR(sum, predicted_[i], 1e-9 * predicted_[i]);
    }
  }
}

TEST_F(Outcome, ranks_plans_that_came_as_predicted_right) {
  std::vector<std::vector<double>> psnr_db;
  for (const double error : predicted_) {
    psnr_db.push_back({60.0 - std::log1p(error)});
  }
  const report::PredictionReport report = outcome(psnr_db);
  EXPECT_NEAR(report.rank_correlation, 1.0, 1e-12);
  EXPECT_NEAR(report.rank_correlation_at_equal_density, 1.0, 1e-12);
}

// At 0.25 as predicted and at 0.5 the other way round: the mean of 1 and -1, however many plans
// each of them has.
TEST_F(Outcome, ranks_plans_of_each_density_by_themselves) {
  std::vector<std::vector<double>> psnr_db;
  std::size_t sparser = 0, denser = 0;
  for (std::size_t i = 0; i < plans_.size(); ++i) {
    sparser += at(i, 0.25) ? 1 : 0;
    denser += at(i, 0.5) ? 1 : 0;
    psnr_db.push_back(
        {at(i, 0.5) ? 60.0 + std::log1p(predicted_[i]) : 50.0 - std::log1p(predicted_[i])});
  }
  ASSERT_GT(sparser, 2u);
  ASSERT_GT(denser, sparser);
  const report::PredictionReport report = outcome(psnr_db);
  EXPECT_NEAR(report.rank_correlation_at_equal_density, 0.0, 1e-12);
  EXPECT_NE(report.rank_correlation, 0.0);
}

}  // namespace
}  // namespace twill::jobs
