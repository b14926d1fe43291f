// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/search.h"

#include <algorithm>
#include <cmath>

#include "files.h"
#include "json.h"
#include "meter.h"
#include "plan_inputs.h"
#include "search_driver.h"
#include "session.h"
#include "solving.h"
#include "twill/jobs/model_facts.h"
#include "twill/plan/names.h"
#include "twill/plan/outputs.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/plan_view.h"
#include "twill/plan/whole_files.h"
#include "twill/report/search_record.h"
#include "twill/search/profiler.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

report::SearchResult finish(search::SolveResult solved, const fs::path& out) {
  write_plan(out, solved.plan);
  report::SearchResult result{.plan = out,
                              .density = solved.density,
                              .attention_share = solved.attention_share,
                              .predicted_error = solved.predicted_error,
                              .precision = precision_counts(solved.plan),
                              .dense_first_steps = solved.dense_first_steps,
                              .dense_last_steps = solved.dense_last_steps,
                              .segments = static_cast<std::int32_t>(solved.plan.segments.size())};
  const Segment& shown = solved.plan.segments[widest_segment(solved.plan)];
  for (const std::vector<HeadPlan>& expert : shown.heads) {
    for (const HeadPlan& head : expert) {
      ++result.heads[std::string(
          pattern_name(solved.plan.patterns[static_cast<std::size_t>(head.pattern)].kind))];
    }
  }
  return result;
}

}  // namespace

search::Policy policy_from(std::string_view name) {
  const std::optional<search::Policy> found = value_named(search::kPolicyNames, name);
  require(found.has_value(), ErrorCode::kUsage, "strategy \"", name, "\" is not one of ",
          all_names(search::kPolicyNames));
  return *found;
}

void check_target(const Target& target) {
  require(!target.min_psnr_db || !target.min_speedup, ErrorCode::kUsage,
          "a least PSNR and a least speed-up at once; give one of them");
  search::check_target(target_of(target).value_or(
      search::SearchTarget{.value = 1.0, .most_tries = target.most_tries}));
}

namespace {

void check_search_options(const SearchOptions& options) {
  check_solve_options(options.solve);
  check_target(options.target);
  check_prompts(options.prompts, options.clip);
  require(options.points >= 1 && options.points <= 64, ErrorCode::kUsage, "points ", options.points,
          " is not in 1..64");
  const std::int32_t map_size = options.map_size.value_or(0);
  require(map_size >= 0 && map_size <= 256, ErrorCode::kUsage, "map size ", map_size,
          " is not in 0..256");
  require(options.probes >= 0 && options.probes <= 64, ErrorCode::kUsage, "probes ", options.probes,
          " is not in 0..64");
}

// Before any clip is made.
void check_fits_run(const SearchOptions& options, const Session& session,
                    const TokenLayout& layout) {
  const std::int64_t dense_steps = std::int64_t{options.solve.dense_first_steps.value_or(0)} +
                                   options.solve.dense_last_steps.value_or(0);
  require(dense_steps <= session.steps(), ErrorCode::kUsage, dense_steps,
          " dense steps are more than the ", session.steps(), " of the run");
  const double dense_share =
      static_cast<double>(dense_steps) / static_cast<double>(session.steps());
  const bool wishes = options.target.min_psnr_db || options.target.min_speedup;
  require(wishes || options.solve.budget_kind != search::BudgetKind::kDensity ||
              dense_share <= options.solve.budget,
          ErrorCode::kUsage, dense_steps, " dense steps of ", session.steps(), " are a density of ",
          dense_share, " by themselves, more than ", options.solve.budget);
  require(options.map_size.value_or(0) <= layout.tokens(), ErrorCode::kUsage, "map size ",
          options.map_size.value_or(0), " is more than the ", layout.tokens(),
          " tokens of the clip");
  require(options.solve.budget_kind != search::BudgetKind::kAttentionShare ||
              session.model().device.is_cpu(),
          ErrorCode::kUnsupported, "candidates are timed on the CPU only, and the model runs on ",
          session.device(), "; give a density instead of an attention share");
}

}  // namespace

fs::path search_work_folder(const fs::path& out) { return work_folder(out, {}); }

report::SearchResult search(const SearchOptions& asked, const JobControl& control) {
  SearchOptions options = asked;
  check_search_options(options);
  check_clip(options.clip);
  const fs::path work = work_folder(options.out, options.work);
  const Outputs outputs({{options.out, OutputKind::kPlan},
                         {report::search_record_file(options.out), OutputKind::kRecord},
                         {work, OutputKind::kFolder}},
                        {{"model", options.clip.model.path}});

  const Clock::time_point begin = Clock::now();
  const Session session(options.clip, control);
  std::vector<EncodedPrompt> prompts;
  for (const std::string& text : options.prompts) {
    prompts.push_back(session.encode(text));
  }
  const TokenLayout layout = session.only_layout(prompts, "a search");
  check_fits_run(options, session, layout);
  options.map_size =
      options.map_size.value_or(std::min(search::ProfilerOptions{}.map_size, layout.tokens()));
  search::SearchRun run(request_for(session, layout, options, work), control.stop);
  SearchDriver driver(session, options, prompts, work, run);
  driver.work_until_done();
  const auto solved = [&] {
    if (target_of(options.target)) {
      return run.result();
    }
    Meter meter(control, "solve", 1);
    meter.check_stop();
    search::SolveResult found = run.result();
    meter.advance();
    return found;
  };
  report::SearchResult result = finish(solved(), options.out);
  for (const search::SearchTry& each : run.tries()) {
    const bool quality = options.target.min_psnr_db.has_value();
    result.tries.push_back({.budget = each.budget,
                            .density = each.density,
                            .psnr_db = quality ? each.measured : 0.0,
                            .speedup = quality ? 0.0 : each.measured,
                            .holds = each.holds});
  }
  for (const search::MeasuredPlan& each : run.measured()) {
    result.probes.push_back(
        {.name = each.name, .predicted = each.predicted, .measured_mse = each.clip_mse});
  }
  result.target_seconds = driver.target_seconds();
  result.clips_seconds = run.seconds();
  result.profiling_share = driver.profiling_share();
  result.measured_on = driver.measured_on();
  result.search_seconds = run.seconds_elsewhere() + seconds_since(begin);
  write_file(report::search_record_file(options.out), to_json(result));
  return result;
}

report::SearchResult solve_file(const fs::path& file, const SolveOptions& options,
                                const report::ClipSettings& clip, const fs::path& out) {
  check_solve_options(options);
  report::check_clip_settings(clip);
  const Outputs outputs({{out, OutputKind::kPlan}}, {{"plan", file}});
  const KeptProfile kept = read_kept_profile(file);
  SolveOptions filled = options;
  filled.grid = options.grid ? options.grid : kept.solved_for.grid;
  const report::SamplerRun run = report::sampler_run(
      {.sampler = clip.sampler, .steps = clip.steps, .shift = clip.shift}, kept.solved_for, file);
  const Clock::time_point begin = Clock::now();
  report::SearchResult result = finish(solve_plan(kept.profile, run, filled), out);
  result.search_seconds = seconds_since(begin);
  return result;
}

}  // namespace twill::jobs
