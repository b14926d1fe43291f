// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/ledger.h"
#include "refusal.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <ostream>

#include "search/ledger_oracle.h"
#include "search/synthetic_profile.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_view.h"
#include "twill/search/solver.h"

namespace twill::search {
namespace {

std::vector<Pattern> candidates() {
  return {skip(), make_pattern(Window{.frames = 1, .rows = 0.2, .cols = 0.2}), dense(), mean(),
          make_pattern(Diagonal{.reach = 0.4}),
          make_pattern(MultiDiagonal{.frames = 1, .rows = 0.1, .cols = 0.1}),
          // All four frames where it was measured, not all of longer clips.
          make_pattern(Window{.frames = 3, .rows = 1.0, .cols = 1.0})};
}

// Patterns of all candidates, in another order than the profile's.
Plan plan_for(const Profile& profile, const std::vector<double>& edges) {
  Plan plan{.name = "a plan", .model = profile.model};
  plan.patterns.assign(profile.candidates.rbegin(), profile.candidates.rend());
  test::Random random(8);
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    Segment segment{.t_begin = edges[i], .t_end = edges[i + 1]};
    for (std::size_t expert = 0; expert < profile.model.experts.size(); ++expert) {
      auto& heads = segment.heads.emplace_back();
      for (std::size_t head = 0; head < profile.heads(); ++head) {
        heads.push_back({.pattern = random.below(static_cast<std::int32_t>(plan.patterns.size()))});
      }
    }
    plan.segments.push_back(std::move(segment));
  }
  return plan;
}

Setting setting_of(std::int32_t experts = 1, std::vector<double> t = {1.0, 0.7, 0.3}) {
  const test::ProfileShape shape{
      .layers = 3, .heads = 4, .experts = experts, .layout = kProfiled, .t = std::move(t)};
  Setting setting{.profile = test::synthetic_profile(shape, candidates(), 3)};
  Profile& profile = *setting.profile;
  // Rounding was measured for what computes everything.
  test::Random random(4);
  for (std::size_t i = 0; i < profile.head_error.size(); ++i) {
    if (profile.head_error[i] == 0.0f) {
      profile.head_error[i] = static_cast<float>(1e-3 * random.next());
    }
  }
  const std::vector<double> steps{1.0, 0.93, 0.85, 0.7, 0.52, 0.41, 0.3, 0.2, 0.08};
  setting.forwards = forwards_of_run(steps, std::vector<std::int32_t>(steps.size()));
  setting.plan = plan_for(profile, {0.0, 0.3, 0.6, 1.0});
  return setting;
}

// Every second head in INT8, those without keys too.
Setting with_int8(Setting setting) {
  test::Random random(5);
  for (std::size_t i = 0; i < setting.profile->gain.size(); ++i) {
    setting.profile->int8_error.push_back(static_cast<float>(2e-3 * random.next()));
  }
  for (Segment& segment : setting.plan.segments) {
    for (std::vector<HeadPlan>& heads : segment.heads) {
      for (std::size_t head = 0; head < heads.size(); head += 2) {
        heads[head].precision = Precision::kInt8;
      }
    }
  }
  return setting;
}

void add_costs(Profile& profile, const TokenLayout& layout) {
  profile.cost = {.device = "none", .kernel = "none", .layout = layout};
  for (std::size_t i = 0; i < profile.candidates.size(); ++i) {
    profile.cost.milliseconds.push_back(
        profile.candidates[i].kind == PatternKind::kDense ? 9.0 : 0.5 + static_cast<double>(i));
  }
}

struct Case {
  const char* why;
  Setting (*make)();
};
void PrintTo(const Case& row, std::ostream* out) { *out << row.why; }

class LedgerIs : public ::testing::TestWithParam<Case> {
 protected:
  LedgerIs() : ledger_(at_.profile, at_.forwards, at_.weight, at_.layout) {}

  static void expect_equal(double found, double expected) {
    EXPECT_NEAR(found, expected, 1e-12 * (1e-9 + std::abs(expected)));
  }

  Setting at_ = GetParam().make();
  const Profile& profile_ = *at_.profile;
  const ByDefinition oracle_{at_};
  Ledger ledger_;
  std::size_t heads_ = profile_.heads();
};

TEST_P(LedgerIs, the_definition_of_every_entry) {
  for (std::size_t candidate = 0; candidate < profile_.candidates.size(); ++candidate) {
    const Pattern& pattern = profile_.candidates[candidate];
    expect_equal(ledger_.cost(candidate).cells, oracle_.cells(pattern));
    expect_equal(ledger_.density(pattern), oracle_.cells(pattern) / oracle_.cells(dense()));
    expect_equal(ledger_.cost(pattern).milliseconds,
                 ledger_.timed() ? oracle_.milliseconds(candidate) : 0.0);
    EXPECT_EQ(ledger_.candidate(pattern), candidate);
    for (const Forward& forward : at_.forwards) {
      const auto expert = static_cast<std::size_t>(forward.expert);
      for (std::size_t head = 0; head < heads_; ++head) {
        expect_equal(ledger_.error(forward, head, candidate),
                     oracle_.error(forward, head, candidate));
        expect_equal(ledger_.head_error(forward.t, expert, head, candidate),
                     oracle_.head_error(forward.t, expert, head, candidate));
        expect_equal(ledger_.rounding(Precision::kInt8, forward, head),
                     oracle_.rounding(forward, head));
        EXPECT_EQ(ledger_.rounding(Precision::kBf16, forward, head), 0.0);
      }
    }
  }
}

TEST_P(LedgerIs, its_entries_added_up_over_forwards) {
  for (std::size_t expert = 0; expert < profile_.model.experts.size(); ++expert) {
    for (std::size_t head = 0; head < heads_; ++head) {
      std::vector<double> errors(profile_.candidates.size()), head_errors(errors), by_gain(errors);
      for (const auto& [measure, sums] :
           {std::pair(Measure::kError, &errors), std::pair(Measure::kHeadError, &head_errors),
            std::pair(Measure::kGain, &by_gain)}) {
        ledger_.add(measure, ledger_.shares(measure, at_.forwards, expert), expert, head, *sums);
      }
      for (std::size_t candidate = 0; candidate < errors.size(); ++candidate) {
        double error = 0.0, head_error = 0.0, lost = 0.0;
        for (const Forward& forward : at_.forwards) {
          if (static_cast<std::size_t>(forward.expert) == expert) {
            error += oracle_.error(forward, head, candidate);
            head_error += oracle_.head_error(forward.t, expert, head, candidate);
            lost += oracle_.lost(forward, head, candidate);
          }
        }
        expect_equal(errors[candidate], error);
        expect_equal(head_errors[candidate], head_error);
        expect_equal(by_gain[candidate], lost);
      }
      double error = 0.0, head_error = 0.0;
      for (const Forward& forward : at_.forwards) {
        if (static_cast<std::size_t>(forward.expert) == expert) {
          error += oracle_.rounding(forward, head);
          head_error += oracle_.rounding_head_error(forward.t, expert, head);
        }
      }
      const auto shares = [&](Measure measure) {
        return ledger_.shares(measure, at_.forwards, expert);
      };
      for (const double times : {0.0, 1.0}) {
        const Precision precision = times > 0.0 ? Precision::kInt8 : Precision::kBf16;
        expect_equal(ledger_.rounding(precision, shares(Measure::kError), expert, head),
                     times * error);
        expect_equal(
            ledger_.rounding_head_error(precision, shares(Measure::kHeadError), expert, head),
            times * head_error);
      }
    }
  }
}

TEST_P(LedgerIs, its_entries_added_up_over_a_plan) {
  double error = 0.0, cells = 0.0, dense_cells = 0.0, time = 0.0, dense_time = 0.0;
  for (const Forward& forward : at_.forwards) {
    const auto expert = static_cast<std::size_t>(forward.expert);
    for (std::size_t head = 0; head < heads_; ++head) {
      const std::size_t candidate = oracle_.candidate_at(forward.t, expert, head);
      error += oracle_.planned_error(forward, head);
      cells += oracle_.cells(profile_.candidates[candidate]);
      dense_cells += oracle_.cells(dense());
      if (!profile_.cost.milliseconds.empty()) {
        time += oracle_.milliseconds(candidate);
        dense_time += oracle_.milliseconds(oracle_.dense_index());
      }
    }
  }
  ASSERT_GT(error, 0.0);
  const PlanNumbers numbers = ledger_.numbers(at_.plan);
  expect_equal(numbers.error, error);
  expect_equal(numbers.density, cells / dense_cells);
  EXPECT_EQ(numbers.unmeasured, 0);
  EXPECT_EQ(numbers.attention_share.has_value(), !profile_.cost.milliseconds.empty());
  expect_equal(numbers.attention_share.value_or(0.0), dense_time > 0.0 ? time / dense_time : 0.0);
  expect_equal(ledger_.error(at_.plan), error);
  expect_equal(ledger_.clip_error(at_.plan), oracle_.clip_error());
  const PlanSums sums = ledger_.sums(at_.plan);
  expect_equal(sums.error, error);
  expect_equal(sums.density, cells / dense_cells);
  double plan_cells = 0.0, plan_time = 0.0;
  for (const Cost& layer : sums.layer_cost) {
    plan_cells += layer.cells;
    plan_time += layer.milliseconds;
  }
  expect_equal(plan_cells, cells / static_cast<double>(at_.forwards.size()));
  expect_equal(plan_time, time / static_cast<double>(at_.forwards.size()));
}

TEST_P(LedgerIs, its_entries_by_head_and_segment) {
  const PlanSums sums = ledger_.sums(at_.plan);
  for (std::size_t i = 0; i < at_.plan.segments.size(); ++i) {
    const Segment& segment = at_.plan.segments[i];
    const double middle = (segment.t_begin + segment.t_end) / 2.0;
    std::int32_t within = 0;
    for (const Forward& forward : at_.forwards) {
      within += &oracle_.segment_of(forward.t) == &segment ? 1 : 0;
    }
    EXPECT_EQ(sums.forwards[i], within);
    for (std::size_t item = 0; item < sums.heads[i].size(); ++item) {
      const std::size_t expert = item / heads_, head = item % heads_;
      const std::size_t candidate = oracle_.candidate_at(segment.t_end, expert, head);
      const bool int8 = oracle_.is_int8(segment.t_end, expert, head);
      double error = 0.0, head_error = 0.0, count = 0.0;
      for (const Forward& forward : at_.forwards) {
        if (&oracle_.segment_of(forward.t) == &segment &&
            static_cast<std::size_t>(forward.expert) == expert) {
          error += oracle_.planned_error(forward, head);
          head_error += oracle_.head_error(forward.t, expert, head, candidate) +
                        (int8 ? oracle_.rounding_head_error(forward.t, expert, head) : 0.0);
          ++count;
        }
      }
      const double at_middle = oracle_.head_error(middle, expert, head, candidate) +
                               (int8 ? oracle_.rounding_head_error(middle, expert, head) : 0.0);
      EXPECT_EQ(sums.heads[i][item].candidate, candidate);
      expect_equal(sums.heads[i][item].error, error);
      EXPECT_EQ(sums.heads[i][item].precision == Precision::kInt8, int8);
      expect_equal(sums.heads[i][item].head_error, count > 0.0 ? head_error / count : at_middle);
    }
  }
}

TEST_P(LedgerIs, its_entries_by_layer_kind_and_forward) {
  const PlanSums sums = ledger_.sums(at_.plan);
  std::vector<std::pair<std::size_t, std::size_t>>
      layers;  // first head and the one behind the last
  for (const StackShape& stack : profile_.model.stacks) {
    for (std::int32_t layer = 0; layer < stack.layers; ++layer) {
      const std::size_t first = layers.empty() ? 0 : layers.back().second;
      layers.emplace_back(first, first + static_cast<std::size_t>(stack.heads));
    }
  }
  ASSERT_EQ(sums.layer_error.size(), layers.size());
  std::vector<double> layer_cells(layers.size()), dense_cells(layers.size());
  for (std::size_t i = 0; i < at_.forwards.size(); ++i) {
    const Forward& forward = at_.forwards[i];
    const auto expert = static_cast<std::size_t>(forward.expert);
    std::vector<double> by_kind(kPatternNames.size());
    for (std::size_t layer = 0; layer < layers.size(); ++layer) {
      double by_layer = 0.0;
      for (std::size_t head = layers[layer].first; head < layers[layer].second; ++head) {
        const std::size_t candidate = oracle_.candidate_at(forward.t, expert, head);
        const double error = oracle_.planned_error(forward, head);
        by_layer += error;
        layer_cells[layer] += oracle_.cells(profile_.candidates[candidate]);
        dense_cells[layer] += oracle_.cells(dense());
        for (std::size_t kind = 0; kind < kPatternNames.size(); ++kind) {
          by_kind[kind] +=
              kPatternNames[kind].first == profile_.candidates[candidate].kind ? error : 0.0;
        }
      }
      expect_equal(sums.layer_error[layer][i], by_layer);
    }
    for (std::size_t kind = 0; kind < by_kind.size(); ++kind) {
      expect_equal(sums.kind_error[kind][i], by_kind[kind]);
    }
  }
  const auto count = static_cast<double>(at_.forwards.size());
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    expect_equal(sums.layer_cost[layer].cells, layer_cells[layer] / count);
    expect_equal(sums.dense_layer_cost[layer].cells, dense_cells[layer] / count);
  }
}

TEST_P(LedgerIs, by_bins_of_t_the_error_without_its_weight) {
  const std::vector<double> edges{0.0, 0.25, 0.5, 1.0};
  const std::vector<double> bins = ledger_.error_by_time(at_.plan, edges);
  Setting even = at_;
  even.weight = {.t = {0.0}, .weight = {1.0}};
  const ByDefinition oracle(even);
  for (std::size_t bin = 0; bin < bins.size(); ++bin) {
    double error = 0.0;
    for (const Forward& forward : at_.forwards) {
      if (forward.t > edges[bin] && forward.t <= edges[bin + 1]) {
        for (std::size_t head = 0; head < heads_; ++head) {
          error += oracle.planned_error(forward, head);
        }
      }
    }
    expect_equal(bins[bin], error);
  }
}

// Budgets differ so that every row has some sparse plan.
TEST_P(LedgerIs, what_the_solver_says_of_its_plan) {
  for (const double budget : {0.35, 0.8}) {
    const SolveResult solved =
        solve(at_.profile, {.forwards = at_.forwards,
                            .budget = budget,
                            .layout = at_.layout,
                            .weight = at_.weight,
                            .int8_error_share = profile_.int8_error.empty() ? 0.0 : 0.2});
    EXPECT_EQ(precision_counts(solved.plan).int8 > 0, !profile_.int8_error.empty());
    const PlanNumbers numbers = ledger_.numbers(solved.plan);
    expect_equal(numbers.error, solved.predicted_error);
    expect_equal(numbers.density, solved.density);
    expect_equal(numbers.attention_share.value_or(solved.density), solved.attention_share);
  }
}

std::vector<Case> rows() {
  return {Case{"where_it_was_profiled", [] { return setting_of(); }},
          Case{"at_another_layout",
               [] {
                 Setting setting = setting_of();
                 setting.layout = kOther;
                 return setting;
               }},
          Case{"with_two_experts",
               [] {
                 Setting setting = setting_of(2);
                 for (Forward& forward : setting.forwards) {
                   forward.expert = forward.t < 0.45 ? 1 : 0;
                 }
                 return setting;
               }},
          Case{"with_dense_segments_at_both_ends",
               [] {
                 Setting setting = setting_of();
                 for (Segment* segment :
                      {&setting.plan.segments.front(), &setting.plan.segments.back()}) {
                   segment->dense = true;
                   segment->heads.clear();
                 }
                 return setting;
               }},
          Case{"with_times_of_the_profiled_layout",
               [] {
                 Setting setting = setting_of();
                 add_costs(*setting.profile, kProfiled);
                 return setting;
               }},
          Case{"with_times_carried_to_another_layout",
               [] {
                 Setting setting = setting_of();
                 setting.layout = kOther;
                 add_costs(*setting.profile, {.frames = 5, .rows = 16, .cols = 12});
                 return setting;
               }},
          Case{"beyond_the_first_and_the_last_profiled_t",
               [] {
                 return setting_of(1, {0.8, 0.5, 0.4});
               }},
          Case{"of_one_profiled_t", [] { return setting_of(1, {0.5}); }},
          Case{"with_the_two_branches_of_guidance",
               [] {
                 Setting setting = setting_of();
                 std::vector<double> twice;
                 for (const Forward& forward : setting.forwards) {
                   twice.insert(twice.end(), 2, forward.t);
                 }
                 setting.forwards = forwards_of_run(twice);
                 return setting;
               }},
          Case{"of_a_segment_without_a_step",
               [] {
                 Setting setting = setting_of();
                 setting.plan = plan_for(*setting.profile, {0.0, 0.31, 0.32, 1.0});
                 return setting;
               }},
          Case{"with_heads_in_int8", [] { return with_int8(setting_of()); }},
          Case{"with_heads_in_int8_of_two_experts_at_another_layout",
               [] {
                 Setting setting = setting_of(2);
                 setting.layout = kOther;
                 for (Forward& forward : setting.forwards) {
                   forward.expert = forward.t < 0.45 ? 1 : 0;
                 }
                 return with_int8(std::move(setting));
               }},
          Case{"with_heads_in_int8_and_a_segment_without_a_step",
               [] {
                 Setting setting = setting_of();
                 setting.plan = plan_for(*setting.profile, {0.0, 0.31, 0.32, 1.0});
                 return with_int8(std::move(setting));
               }},
          Case{"of_stacks_of_unlike_width", [] {
                 Setting setting = setting_of();
                 setting.profile->model.stacks = {
                     {.name = "double_blocks", .layers = 2, .heads = 5},
                     {.name = "single_blocks", .layers = 1, .heads = 2}};
                 setting.plan.model = setting.profile->model;
                 return setting;
               }}};
}

INSTANTIATE_TEST_SUITE_P(Runs, LedgerIs, ::testing::ValuesIn(rows()),
                         [](const auto& row) { return std::string(row.param.why); });

TEST(Ledger, a_pattern_that_was_not_profiled_is_counted_and_costs_its_cells) {
  Setting setting = setting_of();
  add_costs(*setting.profile, kProfiled);
  const Ledger ledger(setting.profile, setting.forwards, setting.weight, kProfiled);
  const Pattern other = make_pattern(Diagonal{.reach = 0.321});
  const PlanNumbers before = ledger.numbers(setting.plan);
  setting.plan.patterns.push_back(other);
  HeadPlan& head = setting.plan.segments.back().heads[0][1];
  const Pattern was = setting.plan.patterns[static_cast<std::size_t>(head.pattern)];
  head.pattern = static_cast<std::int32_t>(setting.plan.patterns.size()) - 1;
  const PlanNumbers after = ledger.numbers(setting.plan);
  EXPECT_EQ(after.unmeasured, 1);
  EXPECT_FALSE(ledger.candidate(other));
  const double share = static_cast<double>(pattern_tiles(other, kProfiled)) /
                       static_cast<double>(dense_tiles(kProfiled));
  EXPECT_NEAR(ledger.cost(other).milliseconds, share * 9.0, 1e-12);
  // The last segment has four of nine steps and the head is one of twelve.
  EXPECT_NEAR(*after.attention_share - *before.attention_share,
              4.0 / (9.0 * 12.0 * 9.0) * (share * 9.0 - ledger.cost(was).milliseconds), 1e-12);
  EXPECT_LE(after.error, before.error);
}

TEST(Ledger, rounding_that_was_not_measured_is_counted_and_refused_in_sums) {
  Setting setting = with_int8(setting_of());
  setting.profile->int8_error.clear();
  const Ledger ledger(setting.profile, setting.forwards, setting.weight, kProfiled);
  EXPECT_FALSE(ledger.measured(Precision::kInt8));
  EXPECT_TRUE(ledger.measured(Precision::kBf16));
  Plan in_bf16 = setting.plan;
  for (Segment& segment : in_bf16.segments) {
    for (HeadPlan& head : segment.heads[0]) {
      head.precision = Precision::kBf16;
    }
  }
  const PlanNumbers numbers = ledger.numbers(setting.plan);
  EXPECT_EQ(numbers.unmeasured, precision_counts(setting.plan).int8);
  EXPECT_GT(numbers.unmeasured, 0);
  EXPECT_EQ(numbers.error, ledger.numbers(in_bf16).error);
  const std::string why =
      "the plan has heads in int8, and the profile does not know what that loses";
  EXPECT_EQ(tests::refusal([&] { ledger.sums(setting.plan); }), why);
  EXPECT_EQ(tests::refusal([&] { ledger.error(setting.plan); }), why);
  EXPECT_EQ(tests::refusal([&] { ledger.error_by_time(setting.plan, {0.0, 1.0}); }), why);
}

using tests::refusal;

TEST(Ledger, says_what_it_cannot_add_up) {
  const Setting setting = setting_of();
  const auto with = [&](const std::function<void(Setting&)>& spoil) {
    Setting spoiled = setting_of();
    spoil(spoiled);
    return refusal([&] {
      Ledger(spoiled.profile, spoiled.forwards, spoiled.weight, spoiled.layout).sums(spoiled.plan);
    });
  };
  EXPECT_EQ(with([](Setting& of) { of.forwards[2].expert = 1; }),
            "forward at t 0.85: expert 1 is not one of 0..0");
  EXPECT_EQ(with([](Setting& of) { of.weight.weight.pop_back(); }),
            "weight: 3 times and 2 weights; one or more of both are needed");
  EXPECT_EQ(with([](Setting& of) { of.profile->candidates[2] = skip(); }),
            "the profile has no dense candidate");
  EXPECT_EQ(with([](Setting& of) {
              of.profile->cost.milliseconds = {1.0, 2.0};
            }),
            "the profile's cost table has 2 entries for 7 candidates");
  EXPECT_EQ(with([](Setting& of) { of.plan.patterns[0] = make_pattern(Diagonal{.reach = 0.321}); }),
            "pattern \"" + describe(make_pattern(Diagonal{.reach = 0.321})) +
                "\" of the plan \"a plan\" is no candidate of the profile");
  const Ledger ledger(setting.profile, setting.forwards, setting.weight, setting.layout);
  EXPECT_EQ(refusal([&] { ledger.error_by_time(setting.plan, {0.5}); }),
            "edges: 1 of them; two or more ascending ones are needed");
}

}  // namespace
}  // namespace twill::search
