// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "refusal.h"
#include "search/synthetic_profile.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/report/difference_report.h"
#include "twill/report/plan_comparison.h"
#include "twill/report/plan_figures.h"
#include "twill/search/error_model.h"
#include "twill/search/ledger.h"

namespace twill::report {
namespace {

std::shared_ptr<Profile> profile_of(const test::ProfileShape& shape) {
  auto profile =
      test::synthetic_profile(shape, test::some_candidates(shape.layout, 24), /*seed=*/5);
  profile->provenance = {{"steps", "12"}, {"shift", "3.0"}, {"sampler", "euler"}};
  return profile;
}

std::shared_ptr<const Plan> plan_for(std::shared_ptr<const Profile> profile, const FiguresRun& run,
                                     double budget, std::int32_t dense_first = 2) {
  const search::SolveRequest request{.forwards = run.forwards,
                                     .budget = budget,
                                     .max_segments = 3,
                                     .dense_first_steps = dense_first,
                                     .dense_last_steps = 0};
  return std::make_shared<const Plan>(search::solve(std::move(profile), request).plan);
}

double error_of(std::shared_ptr<const Profile> profile, const Plan& plan, const FiguresRun& run) {
  return search::Ledger(std::move(profile), run.forwards, search::default_time_weight(), run.layout)
      .error(plan);
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

class Figures : public ::testing::Test {
 protected:
  std::shared_ptr<Profile> profile_ = profile_of({.layers = 3, .heads = 4});
  FiguresRun run_ = run_of(*profile_, {}, "a.json");
  std::shared_ptr<const Plan> plan_ = plan_for(profile_, run_, 0.4);
  PlanFigures figures_ = figures_of(plan_, profile_, run_);
};

TEST_F(Figures, add_up_to_the_error_of_the_model_however_they_are_grouped) {
  const double error = error_of(profile_, *plan_, run_);
  EXPECT_GT(error, 0.0);
  EXPECT_NEAR(figures_.predicted_error, error, 1e-12 * error);
  double by_layer = 0.0;
  double by_kind = 0.0;
  double by_head = 0.0;
  for (const LayerFigures& layer : figures_.layers) {
    by_layer += sum(layer.error);
  }
  for (const std::vector<double>& kind : figures_.kind_error) {
    by_kind += sum(kind);
  }
  for (const SegmentFigures& segment : figures_.segments) {
    for (const HeadFigures& head : segment.heads) {
      by_head += head.error;
    }
  }
  EXPECT_NEAR(by_layer, error, 1e-12 * error);
  EXPECT_NEAR(by_kind, error, 1e-12 * error);
  EXPECT_NEAR(by_head, error, 1e-12 * error);
}

TEST_F(Figures, count_what_mean_leaves_out_as_the_error_model_does) {
  const search::SolveRequest request{
      .forwards = run_.forwards,
      .budget = 0.4,
      .forbidden = {PatternKind::kDiagonal, PatternKind::kWindow, PatternKind::kUnion,
                    PatternKind::kMultiDiagonal, PatternKind::kVerticalStripe}};
  const auto plan = std::make_shared<const Plan>(search::solve(profile_, request).plan);
  const PlanFigures figures = figures_of(plan, profile_, run_);
  const double error = error_of(profile_, *plan, run_);
  const auto mean = static_cast<std::size_t>(
      std::find_if(kPatternNames.begin(), kPatternNames.end(),
                   [](const auto& known) { return known.first == PatternKind::kMean; }) -
      kPatternNames.begin());
  ASSERT_GT(sum(figures.kind_error[mean]), 0.0);
  EXPECT_NEAR(figures.predicted_error, error, 1e-12 * error);
}

TEST_F(Figures, have_the_density_of_the_compiled_plan) {
  std::vector<double> t;
  for (const search::Forward& forward : run_.forwards) {
    t.push_back(forward.t);
  }
  const CompiledPlan compiled(*plan_, run_.layout);
  EXPECT_NEAR(figures_.density, run_density(compiled, *plan_, t), 1e-12);
  // Without a cost table cells stand for cost.
  EXPECT_FALSE(figures_.cost_is_time);
  EXPECT_NEAR(figures_.cost / figures_.dense_cost, figures_.density, 1e-12);
  EXPECT_NEAR(figures_.dense_cost,
              12.0 * static_cast<double>(dense_tiles(run_.layout)) * 128 * 64 / 1e6, 1e-9);
}

TEST_F(Figures, follow_the_run_from_noise_down) {
  ASSERT_GE(figures_.segments.size(), 2u);
  EXPECT_EQ(figures_.segments.front().t_end, 1.0);
  EXPECT_EQ(figures_.segments.back().t_begin, 0.0);
  std::int32_t steps = 0;
  for (const SegmentFigures& segment : figures_.segments) {
    steps += segment.steps;
  }
  EXPECT_EQ(steps, 12);
  EXPECT_GE(figures_.dense_first_steps, 2);
  EXPECT_EQ(figures_.layers[0].error[0], 0.0);
  EXPECT_GT(figures_.layers[0].error[11], 0.0);
}

TEST_F(Figures, head_errors_are_those_of_the_profile) {
  // At a time of the profile nothing is interpolated.
  const std::vector<std::vector<double>> errors =
      kind_head_errors(figures_, figures_.segments.size() - 1);
  const SegmentFigures& last = figures_.segments.back();
  int kinds = 0;
  for (std::size_t kind = 0; kind < kPatternNames.size(); ++kind) {
    double expected = 0.0;
    double heads = 0.0;
    for (std::size_t head = 0; head < last.heads.size(); ++head) {
      for (std::size_t i = 0; i < profile_->candidates.size(); ++i) {
        if (last.heads[head].kind == kPatternNames[kind].first &&
            profile_->candidates[i] ==
                plan_->patterns[static_cast<std::size_t>(last.heads[head].pattern)]) {
          expected += profile_->error_at(1, 0, head, i);
          ++heads;
        }
      }
    }
    if (heads == 0.0 || kPatternNames[kind].first == PatternKind::kDense) {
      EXPECT_TRUE(errors[kind].empty());
      continue;
    }
    ++kinds;
    EXPECT_NEAR(errors[kind][1], expected / heads, 1e-12) << kPatternNames[kind].second;
  }
  EXPECT_GT(kinds, 1);
}

TEST_F(Figures, costs_are_milliseconds_where_they_were_measured) {
  profile_->cost = {.device = "a device", .kernel = "a kernel", .layout = profile_->layout};
  for (std::size_t i = 0; i < profile_->candidates.size(); ++i) {
    profile_->cost.milliseconds.push_back(
        profile_->candidates[i].kind == PatternKind::kDense ? 8.0 : 0.25 * static_cast<double>(i));
  }
  const PlanFigures timed = figures_of(plan_, profile_, run_);
  EXPECT_TRUE(timed.cost_is_time);
  EXPECT_NEAR(timed.dense_cost, 12 * 8.0, 1e-9);
  EXPECT_NEAR(timed.layers[1].dense_cost, 4 * 8.0, 1e-9);
  EXPECT_LT(timed.cost, timed.dense_cost);
}

TEST_F(Figures, front_holds_the_plan_that_was_solved) {
  const std::vector<search::FrontPoint> front = front_of(figures_, 65);
  ASSERT_GT(front.size(), 10u);
  for (std::size_t i = 1; i < front.size(); ++i) {
    EXPECT_LE(front[i].predicted_error, front[i - 1].predicted_error * (1 + 1e-9));
    EXPECT_EQ(front[i].clip_error > 0.0, front[i].predicted_error > 0.0);
  }
  // No point with less density predicts less error than the plan, but for the gap of the solver.
  for (const search::FrontPoint& point : front) {
    if (point.density < figures_.density - 1e-9) {
      EXPECT_GE(point.predicted_error, 0.98 * figures_.predicted_error);
    }
  }
}

TEST_F(Figures, front_keeps_the_layers_dense_that_the_search_was_told) {
  auto told = std::make_shared<Plan>(*plan_);
  told->dense_first_layers = 2;
  const PlanFigures figures = figures_of(told, profile_, run_);
  EXPECT_EQ(figures.dense_first_layers, 2);
  // Two of three layers dense at all t.
  EXPECT_NEAR(front_of(figures).front().density, 2.0 / 3.0, 0.1);
  EXPECT_LT(front_of(figures_).front().density, 0.5);
  // Words of another tool are no number of layers.
  told->dense_first_layers.reset();
  told->solved_for.reset();
  told->budget.reset();
  told->provenance["dense_first_layers"] = "some";
  EXPECT_EQ(figures_of(told, profile_, run_).dense_first_layers, 0);
}

TEST_F(Figures, offset_turns_clip_error_into_decibels) {
  EXPECT_FALSE(psnr_offset({}));
  MeasuredPlan measured{.name = "plan.json", .figures = figures_};
  measured.summary.psnr_db = 30.0;
  const std::optional<double> offset = psnr_offset({measured});
  ASSERT_TRUE(offset);
  ASSERT_NE(figures_.clip_error, figures_.predicted_error);
  EXPECT_NEAR(*offset - 10 * std::log10(figures_.clip_error), 30.0, 1e-12);
}

TEST_F(Figures, refuse_a_pattern_that_was_never_profiled) {
  auto other = std::make_shared<Plan>(*plan_);
  other->patterns.front() = make_pattern(Diagonal{.reach = 0.123});
  try {
    figures_of(other, profile_, run_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("is no candidate of the profile"), std::string::npos)
        << error.what();
  }
}

struct Elsewhere {
  const char* why;
  TokenLayout layout;
};
void PrintTo(const Elsewhere& row, std::ostream* out) { *out << row.why; }

class FiguresElsewhere : public ::testing::TestWithParam<Elsewhere> {};

TEST_P(FiguresElsewhere, agree_with_the_solver_and_lie_on_its_front) {
  const std::shared_ptr<Profile> profile = profile_of({.layers = 3, .heads = 4});
  profile->cost = {.device = "a device", .kernel = "a kernel", .layout = profile->layout};
  for (std::size_t i = 0; i < profile->candidates.size(); ++i) {
    profile->cost.milliseconds.push_back(
        profile->candidates[i].kind == PatternKind::kDense ? 8.0 : 0.25 * static_cast<double>(i));
  }
  const FiguresRun run = run_of(*profile, {.layout = GetParam().layout}, "a.json");
  const search::SolveResult solved =
      search::solve(profile, {.forwards = run.forwards,
                              .budget_kind = search::BudgetKind::kAttentionShare,
                              .budget = 0.4,
                              .layout = run.layout,
                              .max_segments = 3,
                              .dense_first_steps = 2,
                              .dense_last_steps = 0});
  const PlanFigures figures = figures_of(std::make_shared<const Plan>(solved.plan), profile, run);
  EXPECT_NEAR(figures.predicted_error, solved.predicted_error, 1e-12 * solved.predicted_error);
  EXPECT_NEAR(figures.density, solved.density, 1e-12);
  EXPECT_NEAR(figures.cost / figures.dense_cost, solved.attention_share, 1e-12);
  double by_layer = 0.0, by_kind = 0.0, by_head = 0.0;
  for (const LayerFigures& layer : figures.layers) {
    by_layer += sum(layer.error);
  }
  for (const std::vector<double>& kind : figures.kind_error) {
    by_kind += sum(kind);
  }
  for (const SegmentFigures& segment : figures.segments) {
    for (const HeadFigures& head : segment.heads) {
      by_head += head.error;
    }
  }
  for (const double grouped : {by_layer, by_kind, by_head}) {
    EXPECT_NEAR(grouped, solved.predicted_error, 1e-12 * solved.predicted_error);
  }
  // The plan's own point is drawn between those of the front that cost a little less and more.
  std::size_t dearer = 0;
  for (const search::FrontPoint& point : front_of(figures, 65)) {
    if (point.attention_share < solved.attention_share - 1e-9) {
      EXPECT_GE(point.predicted_error, 0.98 * figures.predicted_error);
    } else {
      EXPECT_LE(point.predicted_error, 1.02 * figures.predicted_error);
      ++dearer;
    }
  }
  EXPECT_GT(dearer, 10u);
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, FiguresElsewhere,
    ::testing::Values(Elsewhere{"as_profiled", {.frames = 4, .rows = 16, .cols = 16}},
                      Elsewhere{"longer", {.frames = 9, .rows = 16, .cols = 16}},
                      Elsewhere{"shorter_and_wider", {.frames = 3, .rows = 12, .cols = 24}}),
    [](const auto& row) { return std::string(row.param.why); });

TEST(FiguresOfALongerClip, draw_head_errors_as_they_are_expected_there) {
  const std::shared_ptr<Profile> profile = profile_of({.layers = 3, .heads = 4});
  const FiguresRun run =
      run_of(*profile, {.layout = TokenLayout{.frames = 9, .rows = 16, .cols = 16}}, "a.json");
  const PlanFigures figures = figures_of(plan_for(profile, run, 0.4, 0), profile, run);
  const std::vector<double> factors = search::layout_factors(*profile, run.layout);
  const SegmentFigures& last = figures.segments.back();
  const std::vector<std::vector<double>> errors =
      kind_head_errors(figures, figures.segments.size() - 1);
  bool scaled = false;
  for (std::size_t kind = 0; kind < kPatternNames.size(); ++kind) {
    double expected = 0.0, count = 0.0;
    for (std::size_t head = 0; head < last.heads.size(); ++head) {
      if (last.heads[head].kind == kPatternNames[kind].first && !errors[kind].empty()) {
        const std::size_t candidate = *figures.ledger->candidate(
            figures.plan->patterns[static_cast<std::size_t>(last.heads[head].pattern)]);
        expected += factors[candidate] * profile->error_at(2, 0, head, candidate);
        scaled = scaled || std::abs(factors[candidate] - 1.0) > 0.05;
        ++count;
      }
    }
    if (count > 0.0) {
      EXPECT_NEAR(errors[kind][2], expected / count, 1e-12);
    }
  }
  EXPECT_TRUE(scaled);
}

TEST(RunOf, says_what_is_missing) {
  auto profile = profile_of({});
  profile->provenance.erase("shift");
  try {
    run_of(*profile, {}, "a.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "a.json: the profile does not say for which shift it was measured; give it");
  }
  EXPECT_EQ(run_of(*profile, {.shift = 2.0}, "a.json").forwards.size(), 12u);
  EXPECT_THROW(run_of(*profile, {.steps = 0, .shift = 2.0}, "a.json"), Error);
}

std::shared_ptr<Profile> profile_of_theirs(const char* sampler,
                                           std::optional<const char*> scheduler,
                                           std::optional<double> shift) {
  auto profile = profile_of({});
  profile->run =
      RunFacts{.t = {1.0, 0.9, 0.4, 0.0625},
               .sampler = sampler,
               .shift = shift,
               .grid = {profile->layout.frames, profile->layout.rows, profile->layout.cols},
               .steps = 4};
  if (scheduler) {
    profile->run->scheduler = *scheduler;
  }
  profile->provenance = {{"steps", "12 of them"}, {"shift", "none"}, {"sampler", "mine"}};
  return profile;
}

TEST(RunOf, times_that_are_told_need_no_sampler_of_ours) {
  for (const auto& [sampler, scheduler] :
       {std::pair{"dpmpp_2m", "simple"}, {"res_multistep", "karras"}, {"euler", "beta"}}) {
    const auto profile = profile_of_theirs(sampler, scheduler, {});
    const FiguresRun run = run_of(*profile, {}, "a.json");
    EXPECT_EQ(run.sampler, sampler);
    EXPECT_EQ(run.steps, 4);
    EXPECT_EQ(run.shift, 0.0);
    ASSERT_EQ(run.forwards.size(), 4u);
    EXPECT_EQ(run.forwards[2].t, 0.4);
    EXPECT_EQ(run_of(*profile, {.sampler = sampler, .steps = 4}, "a.json").forwards, run.forwards)
        << "what is asked for is as it is kept";
  }
}

TEST(RunOf, other_steps_of_a_schedule_that_is_not_known_are_refused) {
  const auto refusal = [](const Profile& profile, const RunOptions& options) -> std::string {
    return tests::refusal([&] { run_of(profile, options, "a.json"); }, ErrorCode::kUsage);
  };
  EXPECT_EQ(refusal(*profile_of_theirs("dpmpp_2m", "simple", 3.0), {.steps = 8}),
            "a.json: was measured in 4 steps of the sampler \"dpmpp_2m\" with the scheduler "
            "\"simple\", whose times for 8 steps are not known here; leave --steps out, or name "
            "one of our samplers by --sampler");
  EXPECT_EQ(refusal(*profile_of_theirs("euler", "beta", 3.0), {.shift = 5.0}),
            "a.json: was measured in 4 steps of the sampler \"euler\" with the scheduler \"beta\", "
            "whose times for another shift are not known here; leave --shift out, or name one of "
            "our samplers by --sampler");
  const auto beta = profile_of_theirs("euler", "beta", 3.0);
  EXPECT_EQ(run_of(*beta, {.sampler = "unipc", .steps = 8}, "a.json").forwards.size(), 8u);
  // ComfyUI's "simple" at a shift of 3, rounded to thousandths before it.
  const auto simple = profile_of_theirs("euler", "simple", 3.0);
  simple->run->t = {1.0, 0.9, 0.75, 0.5015};
  EXPECT_EQ(run_of(*simple, {.steps = 8}, "a.json").forwards.size(), 8u);
}

TEST(RunOf, two_experts_share_the_run_at_the_boundary) {
  auto profile = profile_of({.experts = 2});
  EXPECT_THROW(run_of(*profile, {}, "a.json"), Error);
  const FiguresRun run = run_of(*profile, {.expert_boundary = 0.875}, "a.json");
  for (const search::Forward& forward : run.forwards) {
    EXPECT_EQ(forward.expert, forward.t < 0.875 ? 1 : 0);
  }
  const std::shared_ptr<const Plan> plan = plan_for(profile, run, 0.5, 0);
  const PlanFigures figures = figures_of(plan, profile, run);
  const double error = error_of(profile, *plan, run);
  EXPECT_NEAR(figures.predicted_error, error, 1e-12 * error);
}

TEST_F(Figures, of_two_plans_say_what_changes) {
  auto sparser = std::make_shared<Plan>(*plan_for(profile_, run_, 0.3));
  auto before = std::make_shared<Plan>(*plan_);
  before->profile = profile_;
  const PlanDifference difference = compare_plans(before, sparser, {});
  ASSERT_TRUE(difference.before_figures && difference.after_figures);
  EXPECT_EQ(difference.why_no_figures, "");
  EXPECT_NEAR(difference.before_figures->predicted_error, figures_.predicted_error, 1e-12);
  EXPECT_GT(difference.after_figures->predicted_error, figures_.predicted_error);
  EXPECT_LT(difference.after_figures->density, figures_.density);
  std::size_t heads = 0;
  double t = 1.0;
  for (const StretchDifference& stretch : difference.stretches) {
    EXPECT_EQ(stretch.t_end, t);
    t = stretch.t_begin;
    heads += stretch.heads.size();
  }
  EXPECT_EQ(t, 0.0);
  EXPECT_GT(heads, 0u);
  for (const StretchDifference& stretch : compare_plans(before, before, {}).stretches) {
    EXPECT_TRUE(stretch.heads.empty());
  }
}

TEST_F(Figures, of_two_plans_without_a_profile_are_left_out_with_the_reason) {
  const PlanDifference difference = compare_plans(plan_, plan_, {});
  EXPECT_FALSE(difference.before_figures);
  EXPECT_EQ(difference.why_no_figures, "neither plan holds a profile");
}

}  // namespace
}  // namespace twill::report
