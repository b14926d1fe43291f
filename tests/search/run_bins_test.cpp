// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "run_bins.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "search/synthetic_profile.h"

namespace twill::search {
namespace {

// 1, 0.97, 0.94 ...
SolveRequest request_of(std::size_t steps) {
  SolveRequest request;
  for (std::size_t i = 0; i < steps; ++i) {
    request.forwards.push_back({.t = 1.0 - 0.03 * static_cast<double>(i)});
  }
  return request;
}

std::shared_ptr<Profile> profile_of(std::int32_t experts = 1) {
  const test::ProfileShape shape{.layers = 3, .heads = 2, .experts = experts};
  return test::synthetic_profile(shape, test::some_candidates(shape.layout, 8), 3);
}

std::vector<std::int32_t> sizes(const BinnedRun& run) {
  std::vector<std::int32_t> sizes;
  for (const Bin& bin : run.bins) {
    sizes.push_back(bin.steps);
  }
  return sizes;
}

using Sizes = std::vector<std::int32_t>;

TEST(RunBins, are_the_steps_while_there_are_few) {
  const SolveRequest request = request_of(5);
  const BinnedRun run = make_run(*profile_of(), request, 5);
  EXPECT_EQ(sizes(run), (Sizes{1, 1, 1, 1, 1}));
  EXPECT_EQ(run.steps, 5);
  EXPECT_EQ(run.forwards, 5u);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(run.bins[i].t_first, request.forwards[i].t);
    EXPECT_EQ(run.bins[i].t_last, request.forwards[i].t);
    EXPECT_EQ(run.bins[i].forwards, std::vector{request.forwards[i]});
  }
  EXPECT_FALSE(run.dense_first_bins);
  EXPECT_FALSE(run.dense_last_bins);
}

TEST(RunBins, share_many_steps_evenly) {
  for (const std::size_t steps : {5u, 10u, 23u, 31u}) {
    for (const std::size_t most : {1u, 2u, 4u}) {
      const SolveRequest request = request_of(steps);
      const BinnedRun run = make_run(*profile_of(), request, most);
      const Sizes found = sizes(run);
      ASSERT_EQ(found.size(), most);
      EXPECT_EQ(std::accumulate(found.begin(), found.end(), 0), static_cast<std::int32_t>(steps));
      const auto [least, greatest] = std::minmax_element(found.begin(), found.end());
      EXPECT_LE(*greatest - *least, 1) << steps << " steps in " << most;
      std::size_t step = 0;
      for (const Bin& bin : run.bins) {
        EXPECT_EQ(bin.t_first, request.forwards[step].t);
        step += static_cast<std::size_t>(bin.steps);
        EXPECT_EQ(bin.t_last, request.forwards[step - 1].t);
      }
    }
  }
}

TEST(RunBins, of_told_dense_steps_stand_at_both_ends) {
  SolveRequest request = request_of(10);
  request.dense_first_steps = 3;
  request.dense_last_steps = 2;
  const BinnedRun run = make_run(*profile_of(), request, 5);
  EXPECT_EQ(sizes(run), (Sizes{3, 1, 1, 1, 1, 1, 2}));
  EXPECT_EQ(run.dense_first_bins, 1u);
  EXPECT_EQ(run.dense_last_bins, 1u);
  request.dense_first_steps = 0;
  request.dense_last_steps = 0;
  const BinnedRun none = make_run(*profile_of(), request, 2);
  EXPECT_EQ(sizes(none), (Sizes{5, 5}));
  EXPECT_EQ(none.dense_first_bins, 0u);
  EXPECT_EQ(none.dense_last_bins, 0u);
  request.dense_first_steps = 10;
  EXPECT_EQ(sizes(make_run(*profile_of(), request, 2)), (Sizes{10}));
}

// A step at an edge belongs below it. Steps are at 1, 0.97, 0.94, 0.91 and 0.88.
TEST(RunBins, end_at_told_edges) {
  SolveRequest request = request_of(5);
  request.forwards[2].t = 0.94;
  request.edges = {0.2, 0.94};
  const BinnedRun run = make_run(*profile_of(), request, 5);
  EXPECT_EQ(sizes(run), (Sizes{2, 3}));
  EXPECT_EQ(run.bins[0].edge_below, 0.94);
  EXPECT_EQ(run.bins[1].edge_below, 0.0);
  // Those within dense ends make no bin.
  request.dense_first_steps = 2;
  request.edges = {0.9, 0.98};
  EXPECT_EQ(sizes(make_run(*profile_of(), request, 5)), (Sizes{2, 2, 1}));
  request.dense_first_steps = 0;
  request.dense_last_steps = 3;
  EXPECT_EQ(sizes(make_run(*profile_of(), request, 5)), (Sizes{1, 1, 3}));
}

// The number of the fewest decimals that lies between the two, without touching either.
TEST(RunBins, have_short_edges_where_none_were_told) {
  SolveRequest request;
  for (const double t : {1.0, 0.97, 0.951, 0.9504, 0.5, 0.4, 0.05, 0.0}) {
    request.forwards.push_back({.t = t});
  }
  const BinnedRun run = make_run(*profile_of(), request, 8);
  EXPECT_EQ(run.bins.back().edge_below, 0.0);
  for (std::size_t i = 0; i + 1 < run.bins.size(); ++i) {
    const double above = request.forwards[i].t, below = request.forwards[i + 1].t;
    const double edge = run.bins[i].edge_below;
    EXPECT_GT(edge, below);
    EXPECT_LT(edge, above);
    // The decimals of the shortest number between them.
    double scale = 10.0;
    while (std::floor(below * scale) + 1.0 >= above * scale) {
      scale *= 10.0;
    }
    EXPECT_NEAR(edge * scale, std::round(edge * scale), 1e-6) << above << ", " << below;
    EXPECT_LE(std::abs(edge - (below + above) / 2.0), 0.5 / scale + 1e-9);
  }
}

TEST(RunBins, count_the_forwards_of_each_expert) {
  SolveRequest request;
  for (const auto& [t, expert] :
       {std::pair(1.0, 0), {1.0, 0}, {0.9, 0}, {0.9, 1}, {0.5, 1}, {0.2, 1}, {0.2, 1}}) {
    request.forwards.push_back({.t = t, .expert = expert});
  }
  const BinnedRun run = make_run(*profile_of(2), request, 2);
  EXPECT_EQ(sizes(run), (Sizes{2, 2}));
  EXPECT_EQ(run.steps, 4);
  EXPECT_EQ(run.forwards, 7u);
  EXPECT_EQ(run.bins[0].forwards_of, (std::vector{3.0, 1.0}));
  EXPECT_EQ(run.bins[1].forwards_of, (std::vector{0.0, 3.0}));
}

TEST(ErrorTable, adds_up_what_the_ledger_says_of_each_forward) {
  const auto profile = profile_of(2);
  SolveRequest request = request_of(9);
  for (std::size_t i = 4; i < 9; ++i) {
    request.forwards[i].expert = 1;
  }
  const BinnedRun run = make_run(*profile, request, 3);
  const Ledger ledger = ledger_of(profile, request);
  const ErrorTable table(ledger, run, Measure::kError);
  for (std::size_t item = 0; item < 12; ++item) {
    const std::size_t expert = item / 6;
    for (std::size_t candidate = 0; candidate < profile->candidates.size(); ++candidate) {
      for (std::size_t begin = 0; begin <= 3; ++begin) {
        for (std::size_t end = begin; end <= 3; ++end) {
          double sum = 0.0;
          for (std::size_t bin = begin; bin < end; ++bin) {
            for (const Forward& forward : run.bins[bin].forwards) {
              sum += static_cast<std::size_t>(forward.expert) == expert
                         ? ledger.error(forward, item % 6, candidate)
                         : 0.0;
            }
          }
          EXPECT_NEAR(table.sum(begin, end, item, candidate), sum, 1e-12 * (1e-9 + sum));
        }
      }
    }
  }
}

// 1: the solver's choice, 2: no other choice.
TEST(AllowedCandidates, are_all_but_the_forbidden_fixed_and_slow) {
  const auto profile = profile_of(2);
  const std::size_t count = profile->candidates.size();
  SolveRequest request;
  EXPECT_EQ(allowed_candidates(*profile, request), std::vector<std::uint8_t>(12 * count, 1));
  request.forbidden = {profile->candidates[1].kind};
  request.fixed = {{.expert = 1, .pattern = profile->candidates[3]},
                   {.layer = 1, .head = 1, .pattern = profile->candidates[1]}};
  request.dense_first_layers = 1;
  const std::vector<std::uint8_t> allowed = allowed_candidates(*profile, request);
  for (std::size_t item = 0; item < 12; ++item) {
    const std::size_t expert = item / 6, layer = item % 6 / 2, head = item % 2;
    for (std::size_t candidate = 0; candidate < count; ++candidate) {
      int expected = profile->candidates[candidate].kind == profile->candidates[1].kind ? 0 : 1;
      if (layer == 0) {
        expected = profile->candidates[candidate].kind == PatternKind::kDense ? 2 : 0;
      } else if (layer == 1 && head == 1) {
        expected = candidate == 1 ? 2 : 0;
      } else if (expert == 1) {
        expected = candidate == 3 ? 2 : 0;
      }
      EXPECT_EQ(allowed[item * count + candidate], expected) << item << ", " << candidate;
    }
  }
}

TEST(AllowedCandidates, are_faster_than_dense_where_they_were_timed) {
  const auto profile = profile_of();
  const std::size_t count = profile->candidates.size();
  profile->cost = {.device = "none", .kernel = "none", .layout = profile->layout};
  profile->cost.milliseconds.assign(count, 1.0);
  profile->cost.milliseconds[dense_candidate(*profile)] = 2.0;
  profile->cost.milliseconds[4] = 2.0;
  profile->cost.milliseconds[5] = 1.999;
  profile->cost.milliseconds[6] = 2.001;
  const std::vector<std::uint8_t> allowed = allowed_candidates(*profile, {});
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    EXPECT_EQ(allowed[i], i % count == 4 || i % count == 6 ? 0 : 1) << i;
  }
}

TEST(Prices, are_shares_of_dense) {
  const auto profile = profile_of();
  profile->cost = {.device = "none", .kernel = "none", .layout = profile->layout};
  for (std::size_t i = 0; i < profile->candidates.size(); ++i) {
    profile->cost.milliseconds.push_back(0.5 + static_cast<double>(i));
  }
  const double dense_ms = profile->cost.milliseconds[dense_candidate(*profile)];
  const CandidateCosts costs = candidate_costs(*profile, profile->layout);
  EXPECT_EQ(prices_of(*profile, costs, {}).cost, costs.density);
  const std::vector<double> times =
      prices_of(*profile, costs, {.budget_kind = BudgetKind::kAttentionShare}).cost;
  ASSERT_EQ(times.size(), profile->candidates.size());
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_DOUBLE_EQ(times[i], costs.milliseconds[i] / dense_ms);
  }
}

// Heads of layers from the first stack on.
TEST(DenseLayers, are_counted_over_all_stacks) {
  const auto profile = profile_of();
  profile->model.stacks = {{.name = "double", .layers = 2, .heads = 2},
                           {.name = "single", .layers = 2, .heads = 1}};
  const auto heads = [&](std::int32_t layers) {
    return dense_layer_heads(*profile, {.dense_first_layers = layers});
  };
  EXPECT_EQ(heads(0), 0u);
  EXPECT_EQ(heads(1), 2u);
  EXPECT_EQ(heads(2), 4u);
  EXPECT_EQ(heads(3), 5u);
  EXPECT_EQ(heads(4), 6u);
}

}  // namespace
}  // namespace twill::search
