// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The jobs end to end on a model with random weights.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <stop_token>

#include "jobs/scratch_folder.h"
#include "jobs/tiny_model.h"
#include "refusal.h"
#include "session.h"
#include "twill/jobs/evaluate.h"
#include "twill/jobs/generate.h"
#include "twill/jobs/policies.h"
#include "twill/jobs/prediction.h"
#include "twill/jobs/search.h"
#include "twill/plan/compile.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/sampler_times.h"
#include "twill/report/plan_figures.h"
#include "twill/report/statistics.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      names.insert(fs::relative(entry.path(), folder).string());
    }
  }
  return names;
}

class Jobs : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = std::make_unique<tests::ScratchFolder>();
    ::setenv("XDG_CACHE_HOME", (*shared_ / "cache").c_str(), 1);
    tests::write_tiny_model(*shared_ / "model");
  }
  static void TearDownTestSuite() { shared_.reset(); }

  static report::ClipSettings clip() { return {.model = *shared_ / "model"}; }
  SearchOptions search_options(const fs::path& out) const {
    SearchOptions options{.clip = clip(),
                          .prompts = {"a red ball", "a blue ball rolls"},
                          .points = 3,
                          .map_size = 12};
    options.solve.budget = 0.6;
    options.out = out;
    return options;
  }
  GenerateOptions frames(const fs::path& out) const {
    GenerateOptions options{.clip = clip(), .prompts = {"a red ball"}, .seed = 3};
    options.out = out;
    return options;
  }

  static std::unique_ptr<tests::ScratchFolder> shared_;
  const tests::ScratchFolder folder_;
};
std::unique_ptr<tests::ScratchFolder> Jobs::shared_;

Plan all_dense_plan() {
  Plan plan{.name = "all dense"};
  plan.model = {.family = "wan2.1-t2v", .stacks = {{"blocks", 2, 2}}, .head_dim = 64};
  plan.patterns = {dense()};
  Segment segment;
  segment.heads = {std::vector<HeadPlan>(4)};
  plan.segments = {segment};
  return plan;
}

TEST_F(Jobs, an_all_dense_plan_gives_the_dense_clip) {
  write_plan(folder_ / "plan.json", all_dense_plan());
  generate(frames(folder_ / "dense"), {});
  GenerateOptions options = frames(folder_ / "sparse");
  options.clip.dtype = "float32";
  options.plan = folder_ / "plan.json";
  options.compare_dense = true;
  const report::GenerateResult sparse = generate(options, {});
  ASSERT_EQ(sparse.clips.size(), 1u);
  EXPECT_EQ(sparse.clips[0].density, 1.0);
  EXPECT_EQ(sparse.clips[0].attention.sparse_calls, 0);
  EXPECT_EQ(sparse.clips[0].attention.planned_dense_calls, 2 * 4);
  EXPECT_TRUE(sparse.clips[0].attention.fallbacks.empty());
  const std::set<std::string> names = names_in(folder_ / "dense");
  EXPECT_EQ(names.size(), 33u);
  EXPECT_EQ(names_in(folder_ / "sparse"), names);
  EXPECT_EQ(names_in(folder_ / "sparse-dense"), names);
  ASSERT_TRUE(sparse.clips[0].quality);
  // Another order of sums: now and then a value is rounded to the neighbouring one of 255.
  EXPECT_GT(sparse.clips[0].quality->psnr_db, 65.0);
  EXPECT_GT(sparse.clips[0].quality->ssim, 0.99999);
}

TEST_F(Jobs, times_of_a_clip_add_up) {
  const report::GenerateResult result = generate(frames(folder_ / "dense"), {});
  const report::ClipTimes& times = result.clips.at(0).times;
  EXPECT_GT(times.text, 0.0);
  EXPECT_GT(times.vae, 0.0);
  EXPECT_GT(times.attention, 0.0);
  EXPECT_LT(times.attention, times.denoise);
}

TEST_F(Jobs, search_then_evaluate) {
  const report::SearchResult found = search(search_options(folder_ / "plan.json"), {});
  EXPECT_LE(found.density, 0.6 + 1e-9);
  EXPECT_GT(found.search_seconds, found.clips_seconds);
  EXPECT_FALSE(found.measured_on.empty());
  const Plan plan = read_plan(folder_ / "plan.json");
  ASSERT_NE(plan.profile, nullptr);
  EXPECT_EQ(plan.profile->prompts, (std::vector<std::string>{"a red ball", "a blue ball rolls"}));
  EXPECT_EQ(plan.profile->map_size, 12);

  EvaluateOptions options{.clip = clip(), .prompts = {"a blue ball", "a red ball"}, .timed = 1};
  options.plan = folder_ / "plan.json";
  options.out = folder_ / "out/report.json";
  options.clips = folder_ / "out";
  const report::EvaluateReport report = evaluate(options, {});
  EXPECT_NEAR(report.density, found.density, 1e-12);
  ASSERT_EQ(report.rows.size(), 2u);
  EXPECT_TRUE(report.rows[0].timed);
  EXPECT_FALSE(report.rows[1].timed);
  EXPECT_GT(report.attention.sparse_calls, 0);
  EXPECT_TRUE(report.attention.fallbacks.empty());
  ASSERT_TRUE(report.search_seconds);
  EXPECT_EQ(*report.search_seconds, found.search_seconds);

  const nlohmann::json written = nlohmann::json::parse(bytes_of(folder_ / "out/report.json"));
  EXPECT_EQ(written["density"], report.density);
  EXPECT_EQ(written["timed_prompts"], 1);
  EXPECT_EQ(written["steps"], 4);
  const std::set<std::string> names = names_in(folder_ / "out");
  for (const char* name : {"heads.png", "side_by_side.png", "report.json"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

// Searched with 9 frames of tokens, used with 5.
TEST_F(Jobs, a_plan_is_adapted_to_another_size_at_its_density_there) {
  search(search_options(folder_ / "plan.json"), {});
  GenerateOptions options = frames(folder_ / "as-it-is");
  options.clip.frames = 17;
  options.plan = folder_ / "plan.json";
  const report::GeneratedClip as_it_is = generate(options, {}).clips.at(0);
  EXPECT_FALSE(as_it_is.record.adapted);

  options.adapt = true;
  options.prompts = {"a red ball", "a red ball"};  // with two seeds
  options.out = folder_ / "adapted";
  const report::GenerateResult adapted = generate(options, {});
  ASSERT_EQ(adapted.clips.size(), 2u);
  for (const report::GeneratedClip& clip : adapted.clips) {
    EXPECT_TRUE(clip.record.adapted);
    EXPECT_LE(clip.density, as_it_is.density + 1e-9);
    EXPECT_GT(clip.density, as_it_is.density - 0.1);  // 4 heads, whose patterns come in steps
    EXPECT_TRUE(clip.attention.fallbacks.empty());
    EXPECT_EQ(clip.attention.sparse_calls + clip.attention.planned_dense_calls, 2 * 4);
  }
  options.out = folder_ / "again";
  generate(options, {});
  for (const std::string& name : names_in(folder_ / "adapted-2")) {
    EXPECT_EQ(bytes_of(folder_ / "adapted-2" / name), bytes_of(folder_ / "again-2" / name));
  }
}

TEST_F(Jobs, an_evaluation_says_that_plans_were_adapted) {
  search(search_options(folder_ / "plan.json"), {});
  EvaluateOptions options{.clip = clip(), .prompts = {"a blue ball", "a red ball"}, .timed = 1};
  options.clip.frames = 17;
  options.plan = folder_ / "plan.json";
  options.adapt = true;
  options.out = folder_ / "report.json";
  const report::EvaluateReport report = evaluate(options, {});
  EXPECT_TRUE(report.adapted);
  ASSERT_EQ(report.rows.size(), 2u);
  EXPECT_DOUBLE_EQ(report.density, (report.rows[0].density + report.rows[1].density) / 2);
  EXPECT_GT(report.rows[0].density, 0.0);
  EXPECT_LT(report.rows[0].density, 1.0);
  const report::EvaluateReport read = report::read_evaluate_report(folder_ / "report.json");
  EXPECT_TRUE(read.adapted);
  EXPECT_EQ(read.rows[1].density, report.rows[1].density);
}

TEST_F(Jobs, a_plan_without_a_profile_cannot_be_adapted) {
  write_plan(folder_ / "plan.json", all_dense_plan());
  GenerateOptions options = frames(folder_ / "clip");
  options.plan = folder_ / "plan.json";
  options.adapt = true;
  const Outcome outcome = run_job([&] { generate(options, {}); });
  EXPECT_EQ(outcome.code, ErrorCode::kUsage);
  EXPECT_EQ(outcome.text, "the plan \"all dense\" holds no profile to adapt it with");
  EXPECT_FALSE(fs::exists(folder_ / "clip"));
}

TEST_F(Jobs, a_search_shows_its_maps_while_it_runs_and_finds_the_same) {
  std::vector<media::Picture> seen;
  SearchOptions options = search_options(folder_ / "live.json");
  options.live = [&](const media::Picture& picture) { seen.push_back(picture); };
  search(options, {});
  // Four steps of a clip for the maps alone, then three of each prompt.
  ASSERT_EQ(seen.size(), 4u + 2 * 3);
  EXPECT_EQ(seen.back().rgb.size(), std::size_t{3} * seen.back().width * seen.back().height);
  EXPECT_NE(seen.front().rgb, seen.back().rgb);
  search(search_options(folder_ / "quiet.json"), {});
  EXPECT_EQ(bytes_of(folder_ / "live.json"), bytes_of(folder_ / "quiet.json"));
}

TEST_F(Jobs, probes_leave_a_weight_of_t_in_the_profile) {
  SearchOptions options = search_options(folder_ / "plan.json");
  options.prompts = {"a red ball"};
  options.probes = 2;
  search(options, {});
  const Plan plan = read_plan(folder_ / "plan.json");
  ASSERT_TRUE(plan.profile->time_weight.has_value());
  EXPECT_EQ(plan.profile->time_weight->t.size(), 2u);
  ASSERT_TRUE(plan.profile->run.has_value());
  EXPECT_EQ(plan.profile->run->steps, std::ssize(plan.profile->run->t));
}

TEST_F(Jobs, a_budget_of_time_is_kept) {
  SearchOptions options = search_options(folder_ / "plan.json");
  options.prompts = {"a red ball"};
  options.solve.budget_kind = search::BudgetKind::kAttentionShare;
  options.solve.budget = 0.7;
  const report::SearchResult found = search(options, {});
  EXPECT_LE(found.attention_share, 0.7);
  const Plan plan = read_plan(folder_ / "plan.json");
  EXPECT_EQ(plan.profile->cost.milliseconds.size(), plan.profile->candidates.size());
}

TEST_F(Jobs, what_candidates_cost_here_is_measured_once) {
  ASSERT_EQ(::setenv("XDG_CACHE_HOME", (folder_ / "cache").c_str(), 1), 0);
  SearchOptions options = search_options(folder_ / "plan.json");
  options.prompts = {"a red ball"};
  options.solve.budget_kind = search::BudgetKind::kAttentionShare;
  options.solve.budget = 0.7;
  search(options, {});
  const std::string first = bytes_of(options.out);
  search(options, {});
  EXPECT_EQ(bytes_of(options.out), first);
  std::vector<fs::path> kept(fs::directory_iterator(folder_ / "cache" / "twill" / "costs"), {});
  ASSERT_EQ(kept.size(), 1u);
  // A damaged file is measured over.
  std::ofstream(kept.front()) << "{";
  search(options, {});
  EXPECT_GT(fs::file_size(kept.front()), 100u);
  ::setenv("XDG_CACHE_HOME", (*shared_ / "cache").c_str(), 1);
}

TEST_F(Jobs, solving_again_needs_the_profile_only) {
  search(search_options(folder_ / "plan.json"), {});
  const report::SearchResult again =
      solve_file(folder_ / "plan.json", search_options({}).solve, {}, folder_ / "again.json");
  EXPECT_EQ(bytes_of(folder_ / "again.json"), bytes_of(folder_ / "plan.json"));
  SolveOptions other = search_options({}).solve;
  other.budget = 0.4;
  EXPECT_LT(solve_file(folder_ / "plan.json", other, {}, folder_ / "sparser.json").density,
            again.density);
}

TEST_F(Jobs, policies_are_compared_at_one_density_and_measured_once) {
  SearchOptions searched = search_options(folder_ / "plan.json");
  search(searched, {});
  searched.prompts = {"a blue ball", "a ball rolls"};
  searched.out = folder_ / "other.json";
  search(searched, {});
  // What a profile says of itself is shown and never read.
  Plan plan = read_plan(folder_ / "plan.json");
  Profile profile = *plan.profile;
  profile.provenance["lambda"] = "many";
  plan.profile = std::make_shared<Profile>(std::move(profile));
  write_plan(folder_ / "plan.json", plan);
  PoliciesOptions options{
      .clip = clip(),
      .profiles = {folder_ / "plan.json", folder_ / "other.json"},
      .tuning_prompts = {"a red ball"},
      .prompts = {"a blue ball", "a ball rolls"},
      .density = 0.6,
      .settings = 2,
      .rows = {"solver.one", "paper_greedy.mean_square.step", "single_pattern.relative",
               "published.svg", "oracle.mass.raster.top_p", "oracle.error.own_order.solver"},
      .facts = {{"command", "twill bench policies"}}};
  options.out = folder_ / "policies.json";
  const report::PoliciesReport report = compare_policies(options, {});
  EXPECT_EQ(report.policies.front().row, "solver");
  std::size_t measured = 0;
  for (const report::PolicyResult& policy : report.policies) {
    if (!policy.measured()) {
      continue;  // none of the rule's patterns is so sparse at so few tokens
    }
    ++measured;
    ASSERT_EQ(policy.runs.size(), 2u) << policy.row;
    for (const PolicyRun& run : policy.runs) {
      EXPECT_EQ(run.quality.size(), 2u) << policy.row;
      EXPECT_LE(run.tuned.tried.size(), 2u) << policy.row;
      if (!policy.row.starts_with("published")) {
        EXPECT_LE(run.density, 0.6 + 0.02) << policy.row;
      }
      for (const Tuned::Try& tried : run.tuned.tried) {
        EXPECT_LE(tried.psnr_db, run.tuned.tried[run.tuned.best].psnr_db) << policy.row;
      }
      const bool paper = policy.row.starts_with("paper_greedy");
      EXPECT_EQ(run.lambda && run.epsilon, paper) << policy.row;
      const bool plans = !policy.row.starts_with("oracle") && policy.row != "published.svg";
      EXPECT_EQ(run.clip_error.value_or(0.0) > 0.0, plans) << policy.row;
    }
    // Where the density is the row's own, the solver stands beside it there.
    EXPECT_EQ(policy.runs[0].solver_there.empty(),
              !policy.row.starts_with("published") && !policy.row.ends_with("top_p"));
  }
  EXPECT_GE(measured, 6u);
  ASSERT_FALSE(report.contrasts.empty());
  EXPECT_EQ(report.contrasts.back().factor, "segments, in the solver");
  const nlohmann::json written = nlohmann::json::parse(bytes_of(options.out));
  EXPECT_EQ(written["policies"].size(), report.policies.size());
  EXPECT_EQ(written["run"]["command"], "twill bench policies");
  EXPECT_EQ(written["profiles"].size(), 2u);
  EXPECT_NE(written["profiles"][0], written["profiles"][1]);
  const std::string before = bytes_of(options.out);
  bool denoised = false;
  const JobControl watch{.progress = [&](const Progress& progress) {
    denoised = denoised || progress.stage.find("decode") != std::string::npos;
  }};
  compare_policies(options, watch);
  EXPECT_FALSE(denoised);
  EXPECT_EQ(bytes_of(options.out), before);
  // Of what a run that was stopped had kept, a report of the rows that are whole.
  const auto size = report.policies.size();
  options.only_kept = true;
  options.work = folder_ / "policies.work";
  options.rows.emplace_back("oracle.mass.raster.equal");
  options.out = folder_ / "kept.json";
  EXPECT_EQ(compare_policies(options, watch).policies.size(), size);
  EXPECT_FALSE(denoised);
  options.work = folder_ / "empty";
  EXPECT_EQ(tests::refusal([&] { compare_policies(options, {}); }),
            "the solver's clips of " + (folder_ / "plan.json").string() + " are not all kept in " +
                options.work.string());
}

TEST_F(Jobs, policies_refuse_what_cannot_be_compared) {
  search(search_options(folder_ / "plan.json"), {});
  PoliciesOptions options{.clip = clip(),
                          .profiles = {folder_ / "plan.json"},
                          .tuning_prompts = {"a red ball"},
                          .prompts = {"a blue ball"},
                          .out = folder_ / "policies.json"};
  const auto refusal = [&](const auto& change) {
    PoliciesOptions changed = options;
    change(changed);
    return tests::refusal([&] { compare_policies(changed, {}); });
  };
  EXPECT_EQ(refusal([](PoliciesOptions& of) { of.profiles.clear(); }), "no profile");
  EXPECT_EQ(refusal([](PoliciesOptions& of) {
              of.fed_profiles = {"a", "b"};
            }),
            "2 profiles along sparse clips beside 1 profiles; each of these needs one, or none");
  EXPECT_EQ(refusal([](PoliciesOptions& of) { of.settings = 0; }), "settings 0 is not in 1..1000");
  EXPECT_EQ(refusal([](PoliciesOptions& of) { of.density = 1.5; }), "density 1.5 is not in (0, 1]");
  EXPECT_NE(
      refusal([](PoliciesOptions& of) { of.rows = {"svgg"}; }).find("row \"svgg\" is none of"),
      std::string::npos);
  EXPECT_FALSE(fs::exists(options.out));
}

// Stops the job when its progress has been told `left` times.
struct StopAfter {
  int left = 0;
  std::stop_source source;

  JobControl control() {
    return {.progress =
                [this](const Progress&) {
                  if (--left == 0) {
                    source.request_stop();
                  }
                },
            .stop = source.get_token()};
  }
};

TEST_F(Jobs, a_search_that_was_stopped_gives_the_same_plan_bytes) {
  search(search_options(folder_ / "whole/plan.json"), {});
  const SearchOptions options = search_options(folder_ / "parts/plan.json");
  int stops = 0;
  // Each round gets a little further: stops land in every stage.
  for (int left = 2; left < 60; left += 3) {
    StopAfter stop{.left = left};
    const Outcome outcome = run_job([&] { search(options, stop.control()); });
    if (outcome.kind == OutcomeKind::kFinished) {
      break;
    }
    ASSERT_EQ(outcome.kind, OutcomeKind::kCancelled) << outcome.text;
    ASSERT_FALSE(fs::exists(options.out));
    ++stops;
  }
  search(options, {});
  EXPECT_GE(stops, 2);
  EXPECT_EQ(bytes_of(folder_ / "parts/plan.json"), bytes_of(folder_ / "whole/plan.json"));
}

TEST_F(Jobs, prediction_is_checked_on_plans_of_all_rules_and_goes_on_where_it_was_stopped) {
  SearchOptions searched = search_options(folder_ / "plan.json");
  search(searched, {});
  PredictionOptions options{.clip = searched.clip,
                            .profile = searched.out,
                            .prompts = {"a blue ball"},
                            .densities = {0.6},
                            .out = folder_ / "prediction.json"};
  StopAfter stop{.left = 8};
  EXPECT_THROW(check_prediction(options, stop.control()), Cancelled);
  EXPECT_FALSE(fs::exists(options.out));
  const report::PredictionReport report = check_prediction(options, {});
  EXPECT_GE(report.plans.size(), 6u);
  EXPECT_LE(std::abs(report.rank_correlation), 1.0);
  for (const report::PredictedMeasured& plan : report.plans) {
    EXPECT_GE(plan.predicted, 0.0) << plan.name;
    EXPECT_GT(plan.measured_mse, 0.0) << plan.name;
  }
  const nlohmann::json written = nlohmann::json::parse(bytes_of(options.out));
  EXPECT_EQ(written["plans"].size(), report.plans.size());
  EXPECT_TRUE(written.contains("torch"));
  std::set<double> predicted;
  for (const report::PredictedMeasured& plan : report.plans) {
    EXPECT_TRUE(predicted.insert(plan.predicted).second) << plan.name << " is there twice";
  }
  options.densities = {};
  EXPECT_THROW(check_prediction(options, {}), Error);
  options.densities = {0.5, 1.5};
  try {
    check_prediction(options, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("density 1.5"), std::string::npos) << error.what();
  }
}

TEST_F(Jobs, a_wish_for_quality_is_met_by_the_cheapest_of_the_tries) {
  SearchOptions options = search_options(folder_ / "plan.json");
  options.target.min_psnr_db = 25.0;
  options.target.most_tries = 4;
  const report::SearchResult found = search(options, {});
  ASSERT_FALSE(found.tries.empty());
  double least = 1.0;
  for (const report::TargetTry& tried : found.tries) {
    EXPECT_EQ(tried.holds, tried.psnr_db >= 25.5);
    least = tried.holds ? std::min(least, tried.density) : least;
  }
  EXPECT_DOUBLE_EQ(found.density, least);
  // The report shows what was predicted of each try beside what came.
  const std::vector<report::PredictedMeasured> probes = report::read_probes(options.out);
  ASSERT_EQ(probes.size(), found.tries.size());
  for (std::size_t i = 0; i < probes.size(); ++i) {
    EXPECT_GT(probes[i].predicted, 0.0);
    EXPECT_GT(probes[i].measured_mse, 0.0);
    EXPECT_EQ(probes[i].name.find(concat("try ", i + 1, ", ")), 0u) << probes[i].name;
  }

  // Stopped in the middle of the clips and started again: the same bytes.
  SearchOptions stopped = options;
  stopped.out = folder_ / "stopped.json";
  std::stop_source stop;
  JobControl control{.stop = stop.get_token()};
  control.progress = [&](const Progress& progress) {
    if (progress.stage.find("try 1") != std::string::npos) {
      stop.request_stop();
    }
  };
  EXPECT_THROW(search(stopped, control), Cancelled);
  EXPECT_FALSE(fs::exists(stopped.out));
  search(stopped, {});
  EXPECT_EQ(bytes_of(stopped.out), bytes_of(options.out));
}

TEST_F(Jobs, a_wish_that_cannot_be_met_says_how_near_it_came) {
  SearchOptions options = search_options(folder_ / "plan.json");
  options.prompts = {"a red ball"};
  options.target.min_speedup = 900.0;
  options.target.most_tries = 2;
  try {
    search(options, {});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("a speed-up of 900 was not reached in 2 tries"),
              std::string::npos)
        << error.what();
  }
  EXPECT_FALSE(fs::exists(options.out));
  options.target.min_psnr_db = 30.0;
  EXPECT_THROW(search(options, {}), Error);  // one wish at a time
}

TEST_F(Jobs, a_profile_along_the_sparse_trajectory_differs_and_says_so) {
  SearchOptions options = search_options(folder_ / "plan.json");
  options.prompts = {"a red ball"};
  options.solve.budget = 0.3;
  search(options, {});
  const Plan dense = read_plan(options.out);
  options.sparse_trajectory = true;
  options.out = folder_ / "along.json";
  options.work = folder_ / "plan.work";
  search(options, {});
  const Plan along = read_plan(options.out);
  EXPECT_EQ(along.profile->candidates, dense.profile->candidates);
  EXPECT_NE(along.profile->head_error, dense.profile->head_error);
  EXPECT_TRUE(along.profile->provenance.contains("trajectory"));
  EXPECT_FALSE(dense.profile->provenance.contains("trajectory"));
}

TEST_F(Jobs, a_plan_is_solved_for_another_grid) {
  search(search_options(folder_ / "plan.json"), {});
  SolveOptions options = search_options({}).solve;
  options.grid = {{7, 8, 8}};
  options.budget = 0.5;
  solve_file(folder_ / "plan.json", options, {}, folder_ / "other.json");
  const Plan plan = read_plan(folder_ / "other.json");
  const TokenLayout layout{.frames = 7, .rows = 8, .cols = 8};
  const CompiledPlan compiled(plan, layout);
  const std::vector<double> t = sampler_t("euler", 4, 3.0);
  EXPECT_LE(run_density(compiled, plan, t), 0.5 + 1e-9);
  options.grid = {{0, 8, 8}};
  EXPECT_THROW(solve_file(folder_ / "plan.json", options, {}, folder_ / "no.json"), Error);
}

TEST_F(Jobs, a_cancelled_clip_leaves_nothing) {
  StopAfter stop{.left = 4};
  const Outcome outcome = run_job([&] { generate(frames(folder_ / "clip"), stop.control()); });
  EXPECT_EQ(outcome.kind, OutcomeKind::kCancelled);
  EXPECT_TRUE(names_in(folder_.path()).empty());
}

TEST_F(Jobs, an_evaluation_goes_on_where_it_was_stopped) {
  write_plan(folder_ / "plan.json", all_dense_plan());
  EvaluateOptions options{.clip = clip(), .prompts = {"a blue ball", "a red ball"}};
  options.plan = folder_ / "plan.json";
  options.out = folder_ / "report.json";
  bool first_row_done = false;
  std::stop_source source;
  const JobControl until_second{.progress =
                                    [&](const Progress& progress) {
                                      if (progress.stage.ends_with("2 of 2")) {
                                        first_row_done = true;
                                        source.request_stop();
                                      }
                                    },
                                .stop = source.get_token()};
  EXPECT_EQ(run_job([&] { evaluate(options, until_second); }).kind, OutcomeKind::kCancelled);
  ASSERT_TRUE(first_row_done);
  EXPECT_FALSE(fs::exists(options.out));
  bool first_again = false;
  const JobControl watch{.progress = [&](const Progress& progress) {
    first_again = first_again || progress.stage.ends_with("1 of 2");
  }};
  const report::EvaluateReport report = evaluate(options, watch);
  EXPECT_FALSE(first_again);
  EXPECT_EQ(report.rows.size(), 2u);
  EXPECT_TRUE(fs::exists(options.out));
}

TEST_F(Jobs, a_plan_for_another_model_is_refused_before_any_clip) {
  Plan plan = all_dense_plan();
  plan.model.stacks[0].layers = 3;
  plan.segments[0].heads = {std::vector<HeadPlan>(6)};
  write_plan(folder_ / "plan.json", plan);
  GenerateOptions options = frames(folder_ / "clip");
  options.plan = folder_ / "plan.json";
  const Outcome outcome = run_job([&] { generate(options, {}); });
  EXPECT_EQ(outcome.kind, OutcomeKind::kFailed);
  EXPECT_EQ(outcome.code, ErrorCode::kModel);
  EXPECT_TRUE(outcome.text.starts_with((folder_ / "plan.json").string())) << outcome.text;
  EXPECT_FALSE(fs::exists(folder_ / "clip"));
}

TEST_F(Jobs, an_unknown_word_is_refused_before_any_clip) {
  GenerateOptions options = frames(folder_ / "clip");
  options.prompts = {"a red ball", "a dragon"};
  const Outcome outcome = run_job([&] { generate(options, {}); });
  EXPECT_EQ(outcome.code, ErrorCode::kUsage);
  EXPECT_NE(outcome.text.find("dragon"), std::string::npos) << outcome.text;
  EXPECT_TRUE(names_in(folder_.path()).empty());
}

}  // namespace
}  // namespace twill::jobs
