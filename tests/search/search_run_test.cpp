// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Searches of a made-up host: a model that is a table of errors, clips whose quality follows from
// the plan's density.
#include "twill/search/search_run.h"
#include "refusal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include "jobs/scratch_folder.h"
#include "search/synthetic_profile.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"

namespace twill::search {
namespace {

namespace fs = std::filesystem;

constexpr TokenLayout kLayout{.frames = 3, .rows = 8, .cols = 8};
constexpr std::int32_t kLayers = 2, kHeads = 2;

SearchRequest request(const fs::path& work) {
  return {.model = {.family = "made up",
                    .stacks = {{.name = "blocks", .layers = kLayers, .heads = kHeads}},
                    .head_dim = 64},
          .layout = kLayout,
          .run = {.t = {1.0, 0.9, 0.75, 0.5, 0.25}, .sampler = "euler", .shift = 3.0, .steps = 5},
          .maps_run = {.t = {1.0, 0.6}, .steps = 2},
          .prompts = {"a red ball", "a blue ball"},
          .seeds = {7, 8},
          .points = 3,
          .map_size = 6,
          .solve = {.budget = 0.5},
          .provenance = {{"weights", "none"}},
          .clip_key = "made up",
          .device = "a machine",
          .work = work};
}

SearchRequest for_quality(const fs::path& work, double psnr_db) {
  SearchRequest asked = request(work);
  asked.target = SearchTarget{.wish = Wish::kPsnr, .value = psnr_db};
  return asked;
}

// Does what is asked for, and writes down what that was.
class Host {
 public:
  // A unit, an answer or the end of a clip is one event; after so many the host is gone.
  explicit Host(int most_events = 1 << 20) : left_(most_events) {}

  std::vector<std::string> log;
  std::vector<double> db_of_tries;  // instead of what follows from the density
  TokenLayout layout = kLayout;

  // False when the host went before the search was done.
  bool work_for(SearchRun& run) {
    while (const std::optional<SearchWork> work = run.next()) {
      if (!std::visit([&](const auto& asked) { return work_on(run, asked); }, *work)) {
        return false;
      }
    }
    return true;
  }

 private:
  bool event() { return left_-- > 0; }

  static std::string by(const std::shared_ptr<const Plan>& plan) {
    return plan ? plan->name : std::string("dense");
  }

  bool work_on(SearchRun& run, const ClipWork& clip) {
    std::string shown;
    for (const ShownStep& each : clip.shown) {
      shown += concat(" ", each.step, ":", each.t_index);
    }
    const char* names[] = {"maps", "profile", "trajectory"};
    log.push_back(concat(names[static_cast<int>(clip.purpose)], " ", clip.prompt, " seed ",
                         clip.seed, " ", clip.t.size(), " steps", shown, " by ", by(clip.plan)));
    const std::shared_ptr<Profiler> profiler = run.profiler(layout);
    for (const ShownStep& each : clip.shown) {
      if (profiler->done(each.t_index, clip.prompt)) {
        continue;
      }
      if (!event()) {
        return false;
      }
      observe(*profiler, clip.t[static_cast<std::size_t>(each.step)],
              {.t_index = each.t_index, .prompt = clip.prompt}, clip.plan != nullptr);
      run.finish_unit(each.t_index, 0.5);
    }
    if (!event()) {
      return false;
    }
    run.clip_made();
    return true;
  }

  bool work_on(SearchRun& run, const CostWork& asked) {
    log.push_back(concat("costs of ", asked.profile->candidates.size(), " candidates"));
    if (!event()) {
      return false;
    }
    CostTable table{.device = "a machine", .kernel = "a kernel 1", .layout = {}};
    for (const Pattern& pattern : asked.profile->candidates) {
      table.milliseconds.push_back(
          0.1 + static_cast<double>(pattern_tiles(pattern, asked.profile->layout)));
    }
    run.costs_measured(std::move(table));
    return true;
  }

  bool work_on(SearchRun& run, const QualityWork& asked) {
    const bool probe = asked.purpose == QualityWork::Purpose::kProbe;
    log.push_back(concat("quality of ", probe ? "probe " : "try ", asked.number, " of ", asked.of,
                         " prompt ", asked.prompt, " seed ", asked.seed));
    if (!event()) {
      return false;
    }
    const auto number = static_cast<std::size_t>(asked.number) - 1;
    run.quality_measured(probe ? 40.0 - 3.0 * asked.number
                         : number < db_of_tries.size()
                             ? db_of_tries[number]
                             : 20.0 + 20.0 * *asked.plan->budget->density + asked.prompt);
    return true;
  }

  bool work_on(SearchRun& run, const SecondsWork& asked) {
    log.push_back(concat("seconds of try ", asked.number, asked.plan ? " sparse" : " dense"));
    if (!event()) {
      return false;
    }
    run.seconds_measured(asked.plan ? 4.0 + 6.0 * *asked.plan->budget->density : 10.0);
    return true;
  }

  // Errors fall with a candidate's density, each head at its own pace.
  static void observe(Profiler& profiler, double t, CallSite site, bool sparse) {
    std::vector<double> density;
    for (const kernels::HeadTask& task : profiler.tasks()) {
      density.push_back(task.list < 0 ? (task.mode == kernels::HeadMode::kDense ? 1.0 : 0.0)
                                      : cells(profiler.lists()[std::size_t(task.list)]));
    }
    for (site.layer = 0; site.layer < kLayers; ++site.layer) {
      test::Random random(static_cast<std::uint64_t>(1000.0 * t) + 31u * std::uint64_t(site.layer) +
                          977u * std::uint64_t(site.prompt));
      std::vector<double> error, gain(kHeads), norm(kHeads, 1.0);
      std::vector<float> map;
      for (std::int32_t head = 0; head < kHeads; ++head) {
        const double pace = 1.0 + 6.0 * random.next() + (sparse ? 1.0 : 0.0);
        for (const double each : density) {
          error.push_back(std::exp(-pace * each) * (1.0 - each));
        }
        gain[std::size_t(head)] = 0.01 * (1.0 + random.next());
        for (int i = 0; i < 36; ++i) {
          map.push_back(i % 6 == 2 ? 0.5f : 0.1f);  // all queries want one block of keys
        }
      }
      profiler.observe(site, CallMeasures{.error = error, .norm = norm, .map = map}, gain);
    }
  }

  static double cells(const kernels::TileListView& list) {
    double tiles = 0.0;
    for (const kernels::KeyRun& run : list.runs) {
      tiles += run.count;
    }
    return tiles / static_cast<double>(dense_tiles(kLayout));
  }

  int left_;
};

std::string plan_of(const SearchRequest& asked, Host host = Host()) {
  SearchRun run(asked);
  EXPECT_TRUE(host.work_for(run));
  return plan_to_json(run.result().plan);
}

using tests::refusal;

TEST(SearchRun, asks_for_maps_then_a_clip_of_each_prompt_and_gives_a_plan_that_says_what_it_is) {
  const tests::ScratchFolder folder;
  SearchRun run(request(folder.path()));
  Host host;
  ASSERT_TRUE(host.work_for(run));
  EXPECT_EQ(host.log, (std::vector<std::string>{"maps 0 seed 7 2 steps 0:0 1:1 by dense",
                                                "profile 0 seed 7 3 steps 0:0 1:1 2:2 by dense",
                                                "profile 1 seed 8 3 steps 0:0 1:1 2:2 by dense"}));
  EXPECT_EQ(run.seconds(), 4.0);
  EXPECT_EQ(run.seconds_elsewhere(), 0.0);
  const SolveResult found = run.result({{"host", "made up"}});
  const Plan& plan = found.plan;
  EXPECT_EQ(plan.name, "solver, density 0.5");
  EXPECT_LE(found.density, 0.5 + 1e-9);
  EXPECT_EQ(plan.budget, (Budget{.goal = Goal::kDensity, .value = 0.5, .density = found.density}));
  ASSERT_TRUE(plan.solved_for);
  EXPECT_EQ(plan.solved_for->t, request({}).run.t);
  EXPECT_EQ(plan.solved_for->sampler, "euler");
  EXPECT_EQ(plan.solved_for->shift, 3.0);
  EXPECT_EQ(plan.provenance.at("weights"), "none");
  EXPECT_EQ(plan.provenance.at("stripes"), "measured");
  EXPECT_EQ(plan.provenance.at("policy"), "solver");
  EXPECT_EQ(plan.provenance.at("source"), "a search of our own (twill search)");
  EXPECT_EQ(plan.provenance.at("host"), "made up");
  ASSERT_NE(plan.profile, nullptr);
  EXPECT_EQ(plan.profile->t, (std::vector<double>{1.0, 0.9, 0.25}));
  EXPECT_EQ(plan.profile->seeds, (std::vector<std::uint64_t>{7, 8}));
  EXPECT_EQ(plan.profile->run->t, request({}).run.t);
}

TEST(SearchRun, of_whole_clips_asks_for_all_steps_and_names_those_to_show) {
  const tests::ScratchFolder folder;
  SearchRequest asked = request(folder.path());
  asked.whole_clips = true;
  asked.stripes = false;
  for (const bool again : {false, true}) {
    SearchRun run(asked);
    Host host;
    ASSERT_TRUE(host.work_for(run));
    const std::string shown = again ? "" : " 0:0 1:1 4:2";
    EXPECT_EQ(host.log,
              (std::vector<std::string>{concat("profile 0 seed 7 5 steps", shown, " by dense"),
                                        concat("profile 1 seed 8 5 steps", shown, " by dense")}));
    EXPECT_EQ(run.result().plan.provenance.at("stripes"), "none");
  }
}

TEST(SearchRun, learns_the_layout_at_the_first_call_and_remembers_it_for_the_maps) {
  const tests::ScratchFolder folder;
  SearchRequest asked = request(folder.path());
  asked.layout.reset();
  asked.whole_clips = true;
  const std::string whole = plan_of(asked);
  SearchRun again(asked);
  Host host;
  ASSERT_TRUE(host.work_for(again));
  EXPECT_EQ(host.log, (std::vector<std::string>{"profile 0 seed 7 5 steps by dense",
                                                "profile 1 seed 8 5 steps by dense"}));
  EXPECT_EQ(plan_to_json(again.result().plan), whole);
  // What decides a clip decides its layout.
  SearchRun other(asked);
  host.layout.frames = 2;
  EXPECT_EQ(refusal([&] { host.work_for(other); }),
            "the clip has 2x8x8 tokens after 0 and before 0, and the clips before it had 3x8x8 "
            "tokens after 0 and before 0");
}

// Everything at once: maps, probes, times, a second profile, tries.
SearchRequest long_search(const fs::path& work) {
  SearchRequest asked = for_quality(work, 33.0);
  asked.solve.budget_kind = BudgetKind::kAttentionShare;
  asked.probes = 2;
  asked.sparse_trajectory = true;
  return asked;
}

TEST(SearchRun, does_its_work_in_one_order) {
  const tests::ScratchFolder folder;
  SearchRun run(long_search(folder.path()));
  Host host;
  ASSERT_TRUE(host.work_for(run));
  const std::string first = "solver, attention_share 0.5";
  const std::vector<std::string> expected{
      "maps 0 seed 7 2 steps 0:0 1:1 by dense",
      "profile 0 seed 7 3 steps 0:0 1:1 2:2 by dense",
      "profile 1 seed 8 3 steps 0:0 1:1 2:2 by dense",
      "quality of probe 1 of 2 prompt 0 seed 7",
      "quality of probe 2 of 2 prompt 0 seed 7",
      "costs of 20 candidates",
      concat("trajectory 0 seed 7 3 steps 0:0 1:1 2:2 by ", first),
      concat("trajectory 1 seed 8 3 steps 0:0 1:1 2:2 by ", first),
      "quality of try 1 of 5 prompt 0 seed 7",
      "quality of try 1 of 5 prompt 1 seed 8"};
  ASSERT_GE(host.log.size(), expected.size());
  EXPECT_EQ(std::vector(host.log.begin(), host.log.begin() + std::ssize(expected)), expected);
  const Plan plan = run.result().plan;
  ASSERT_TRUE(plan.profile->time_weight);
  EXPECT_EQ(plan.profile->time_weight->t.size(), 2u);
  EXPECT_EQ(plan.profile->cost.kernel, "a kernel 1");
  EXPECT_EQ(plan.profile->cost.layout, kLayout);
  EXPECT_TRUE(plan.provenance.at("trajectory").starts_with("of the plan "));
  EXPECT_EQ(run.measured().size(), 2 + run.tries().size());
  EXPECT_TRUE(run.measured().front().name.starts_with("sparse in t (0"));
  EXPECT_TRUE(run.measured().back().name.starts_with("try "));
}

TEST(SearchRun, that_ends_at_any_point_goes_on_to_the_same_plan_and_does_nothing_twice) {
  const tests::ScratchFolder undisturbed;
  const std::string plan = plan_of(long_search(undisturbed.path()));
  for (int events = 0;; ++events) {
    const tests::ScratchFolder folder;
    Host first(events), second;
    SearchRun begun(long_search(folder.path()));
    const bool whole = first.work_for(begun);
    SearchRun resumed(long_search(folder.path()));
    ASSERT_TRUE(second.work_for(resumed));
    EXPECT_EQ(plan_to_json(resumed.result().plan), plan) << events;
    // The clip or figure that the first was at is asked for by both.
    std::vector<std::string> asked = first.log;
    if (!whole) {
      ASSERT_FALSE(asked.empty());
      asked.pop_back();
    }
    for (const std::string& each : asked) {
      EXPECT_EQ(std::count(second.log.begin(), second.log.end(), each), 0) << each;
    }
    if (whole) {
      EXPECT_TRUE(second.log.empty()) << second.log.front();
      EXPECT_EQ(resumed.seconds_elsewhere(), begun.seconds());
      break;
    }
  }
}

TEST(SearchRun, two_on_one_folder_find_the_same) {
  const tests::ScratchFolder undisturbed, folder;
  const std::string plan = plan_of(long_search(undisturbed.path()));
  SearchRun one(long_search(folder.path())), other(long_search(folder.path()));
  one.next();
  other.next();  // both have seen an empty folder
  ASSERT_TRUE(Host().work_for(one));
  ASSERT_TRUE(Host().work_for(other));
  EXPECT_EQ(plan_to_json(one.result().plan), plan);
  EXPECT_EQ(plan_to_json(other.result().plan), plan);
}

TEST(SearchRun, for_another_seed_or_number_of_points_takes_nothing_over) {
  const tests::ScratchFolder folder;
  plan_of(request(folder.path()));
  for (const auto& change : std::vector<std::function<void(SearchRequest&)>>{
           [](SearchRequest& asked) {
             asked.seeds = {8, 9};
           },
           [](SearchRequest& asked) { asked.points = 2; },
           [](SearchRequest& asked) { asked.prompts[1] = "a green ball"; },
           [](SearchRequest& asked) { asked.clip_key = "other weights"; }}) {
    SearchRequest asked = request(folder.path());
    change(asked);
    SearchRun run(asked);
    Host host;
    ASSERT_TRUE(host.work_for(run));
    EXPECT_EQ(host.log.size(), 3u);
  }
}

TEST(SearchRun, finds_the_cheapest_plan_that_reaches_a_psnr) {
  const tests::ScratchFolder folder;
  SearchRun run(for_quality(folder.path(), 30.0));
  Host host;
  ASSERT_TRUE(host.work_for(run));
  const SolveResult found = run.result();
  double least = 1.0;
  for (const SearchTry& each : run.tries()) {
    EXPECT_EQ(each.holds, each.measured >= 30.5);
    least = each.holds ? std::min(least, each.density) : least;
  }
  EXPECT_EQ(run.wanted(), 30.5);
  EXPECT_EQ(found.density, least);
  EXPECT_EQ(found.plan.budget,
            (Budget{.goal = Goal::kPsnr, .value = 30.0, .density = found.density}));
}

TEST(SearchRun, equal_clips_are_kept_and_hold) {
  const tests::ScratchFolder folder;
  for (const bool again : {false, true}) {
    SearchRun run(for_quality(folder.path(), 30.0));
    Host host;
    host.db_of_tries = std::vector(5, std::numeric_limits<double>::infinity());
    ASSERT_TRUE(host.work_for(run));
    EXPECT_EQ(run.tries().front().measured, std::numeric_limits<double>::infinity());
    EXPECT_EQ(host.log.empty(), again);
  }
}

TEST(SearchRun, times_the_dense_loop_once) {
  const tests::ScratchFolder folder;
  SearchRequest asked = request(folder.path());
  asked.target = SearchTarget{.wish = Wish::kSpeedup, .value = 1.5};
  SearchRun run(asked);
  Host host;
  ASSERT_TRUE(host.work_for(run));
  EXPECT_EQ(host.log[3], "seconds of try 1 dense");
  EXPECT_EQ(host.log[4], "seconds of try 1 sparse");
  EXPECT_EQ(std::count_if(host.log.begin(), host.log.end(),
                          [](const std::string& each) {
                            return each.ends_with("dense") && each.starts_with("seconds");
                          }),
            1);
  EXPECT_TRUE(std::any_of(run.tries().begin(), run.tries().end(),
                          [](const SearchTry& each) { return each.holds; }));
  EXPECT_EQ(run.result().plan.budget->goal, Goal::kSpeedup);
}

TEST(SearchRun, says_how_near_it_came_to_what_cannot_be) {
  const tests::ScratchFolder folder;
  SearchRun run(for_quality(folder.path(), 60.0));
  Host host;
  host.db_of_tries = {20.0, 21.0, 22.5, 22.0, 21.5};
  const std::string said = refusal([&] { host.work_for(run); });
  EXPECT_EQ(said, concat("a PSNR of 60 dB (measured 60.5) was not reached in ", run.tries().size(),
                         " tries; the nearest had 22.5 dB"));
  EXPECT_FALSE(run.take_best());
}

TEST(SearchRun, can_end_with_the_best_try_so_far) {
  const tests::ScratchFolder folder;
  SearchRun run(for_quality(folder.path(), 26.0));
  EXPECT_FALSE(run.take_best());
  Host host;
  while (run.tries().empty()) {
    Host(1).work_for(run);
  }
  ASSERT_TRUE(run.tries().front().holds);
  ASSERT_TRUE(run.take_best());
  EXPECT_FALSE(run.next());
  EXPECT_EQ(run.result().density, run.tries().front().density);
}

TEST(SearchRun, that_is_stopped_is_cancelled) {
  const tests::ScratchFolder folder;
  std::stop_source source;
  SearchRun run(request(folder.path()), source.get_token());
  ASSERT_TRUE(run.next());
  source.request_stop();
  EXPECT_THROW(run.next(), Cancelled);
}

// A run is brought to what `asked` begins with, and then told otherwise.
struct Wrong {
  const char* why;
  std::function<void(SearchRun&)> act;
  std::string text;
  const char* asked;
};
void PrintTo(const Wrong& row, std::ostream* stream) { *stream << row.why; }

class WrongAnswer : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongAnswer, is_refused_by_its_value_and_can_be_given_again) {
  const tests::ScratchFolder folder;
  SearchRequest asked = long_search(folder.path());
  if (std::string(GetParam().asked) == "seconds") {
    asked.target->wish = Wish::kSpeedup;
    asked.target->value = 1.2;
  }
  SearchRun run(asked);
  run.next();
  for (int events = 0; events < 100; ++events) {
    Host looking(0);
    looking.work_for(run);
    if (looking.log.back().starts_with(GetParam().asked)) {
      break;
    }
    Host(1).work_for(run);
  }
  EXPECT_EQ(refusal([&] { GetParam().act(run); }), GetParam().text);
  EXPECT_TRUE(Host().work_for(run));
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

INSTANTIATE_TEST_SUITE_P(
    Values, WrongAnswer,
    ::testing::Values(
        Wrong{"a_clip_without_its_steps", [](SearchRun& run) { run.clip_made(); },
              "the clip of prompt 1 is made, and step 1 at t 1 was not shown", "maps"},
        Wrong{"a_figure_instead_of_a_clip", [](SearchRun& run) { run.quality_measured(30.0); },
              "a PSNR is told, and what is asked for is the clip of prompt 1", "maps"},
        Wrong{"a_unit_without_its_calls",
              [](SearchRun& run) {
                run.profiler(kLayout);
                run.finish_unit(0, kNan);
              },
              "seconds of a unit: nan is no time", "profile"},
        Wrong{
            "another_layout",
            [](SearchRun& run) { run.profiler({.prefix = 1, .frames = 3, .rows = 8, .cols = 8}); },
            "the clip has 3x8x8 tokens after 1 and before 0, and the clips before it had 3x8x8 "
            "tokens after 0 and before 0",
            "profile"},
        Wrong{"a_psnr_that_is_none", [](SearchRun& run) { run.quality_measured(kNan); },
              "PSNR: nan dB is no figure of two clips", "quality of probe"},
        Wrong{"a_psnr_below_0", [](SearchRun& run) { run.quality_measured(-1.0); },
              "PSNR: -1 dB is no figure of two clips", "quality of try"},
        Wrong{"a_clip_instead_of_a_figure", [](SearchRun& run) { run.clip_made(); },
              "a clip is told, and what is asked for is the PSNR of plan \"sparse in t (0, "
              "0.825]\"",
              "quality of probe"},
        Wrong{"no_times",
              [](SearchRun& run) { run.costs_measured({.device = "a", .kernel = "b"}); },
              "times of candidates: 0 for 20", "costs"},
        Wrong{"a_time_that_is_none",
              [](SearchRun& run) {
                run.costs_measured({.device = "a",
                                    .kernel = "b",
                                    .layout = {},
                                    .milliseconds = std::vector(20, 0.0)});
              },
              "times of candidates: candidate 0 takes 0 ms", "costs"},
        Wrong{"seconds_that_are_none", [](SearchRun& run) { run.seconds_measured(0.0); },
              "seconds of a loop: 0 is no time", "seconds"},
        Wrong{"a_plan_that_is_not_there", [](SearchRun& run) { run.result(); },
              "a search has no plan while it asks for the seconds of the dense loop", "seconds"}),
    [](const auto& row) { return std::string(row.param.why); });

struct BadRequest {
  const char* why;
  std::function<void(SearchRequest&)> change;
  std::string text;
};
void PrintTo(const BadRequest& row, std::ostream* stream) { *stream << row.why; }

class Request : public ::testing::TestWithParam<BadRequest> {};

TEST_P(Request, is_refused_by_its_value) {
  SearchRequest asked = request("work");
  GetParam().change(asked);
  EXPECT_EQ(refusal([&] { SearchRun run(asked); }), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    Values, Request,
    ::testing::Values(
        BadRequest{"no_points", [](SearchRequest& asked) { asked.points = 0; },
                   "points 0 is not in 1..64"},
        BadRequest{"a_large_map", [](SearchRequest& asked) { asked.map_size = 257; },
                   "map size 257 is not in 0..256"},
        BadRequest{"many_probes", [](SearchRequest& asked) { asked.probes = 65; },
                   "probes 65 is not in 0..64"},
        BadRequest{"no_prompt", [](SearchRequest& asked) { asked.prompts.clear(); },
                   "prompts: there is none"},
        BadRequest{"a_seed_less", [](SearchRequest& asked) { asked.seeds.pop_back(); },
                   "seeds: 1 of 2 prompts"},
        BadRequest{"no_steps", [](SearchRequest& asked) { asked.run.t.clear(); },
                   "run: no step has a t"},
        BadRequest{"a_t_above_1", [](SearchRequest& asked) { asked.maps_run.t = {1.5}; },
                   "run for maps: t 1.5 is not in 0..1"},
        BadRequest{"no_folder", [](SearchRequest& asked) { asked.work.clear(); },
                   "work: there is no folder to keep things in"},
        BadRequest{"a_psnr_of_nothing",
                   [](SearchRequest& asked) {
                     asked.target = SearchTarget{Wish::kPsnr, 0.0};
                   },
                   "least PSNR 0 is not in (0, 80] dB"},
        BadRequest{"a_speed_up_of_no_number",
                   [](SearchRequest& asked) {
                     asked.target = SearchTarget{Wish::kSpeedup, kNan};
                   },
                   "least speed-up nan is not in (0, 1000]"},
        BadRequest{"no_tries",
                   [](SearchRequest& asked) {
                     asked.target = SearchTarget{Wish::kPsnr, 30.0, 0};
                   },
                   "tries 0 is not in 1..32"},
        BadRequest{"no_density", [](SearchRequest& asked) { asked.solve.budget = 0.0; },
                   "density 0 is not in (0, 1]"}),
    [](const auto& row) { return std::string(row.param.why); });

TEST(MapSteps, are_few) {
  EXPECT_EQ(map_steps(50), 6);
  EXPECT_EQ(map_steps(4), 4);
}

}  // namespace
}  // namespace twill::search
