// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Job: profile a model's heads while it makes dense clips, then solve for a plan.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "twill/jobs/job.h"
#include "twill/media/rgb_clip.h"
#include "twill/report/clip_settings.h"
#include "twill/report/search_record.h"
#include "twill/search/plan_solving.h"

namespace twill::jobs {

// Throws Error(kUsage) listing the names.
search::Policy policy_from(std::string_view name);

// What a plan is solved for. An empty grid is, for solve_file(), what the plan was solved for.
using SolveOptions = search::SolveOptions;
using search::check_solve_options;

// A wish that clips of the search prompts are made for until it holds; solve.budget then says
// nothing. At most one of the two.
struct Target {
  std::optional<double> min_psnr_db;  // mean over the prompts
  std::optional<double> min_speedup;  // of the denoising loop, on this machine
  std::int32_t most_tries = 5;        // plans
};

void check_target(const Target& target);

struct SearchOptions {
  report::ClipSettings clip;
  std::vector<std::string> prompts;
  std::uint64_t seed = 0;    // of the first prompt; each next prompt takes the next seed
  std::int32_t points = 10;  // values of t that are profiled, spread over the run
  // Clips that the weight of t is fitted to, each sparse in one stretch of the run; 0: the default
  // weight. More say more, at the price of a clip each.
  std::int32_t probes = 0;
  // Blocks a side of the attention maps, at most the clip's tokens; 0: none. Empty: 52, or as many
  // as the clip has tokens.
  std::optional<std::int32_t> map_size;
  SolveOptions solve;
  Target target;
  // Profile once more while the plan that was found runs, and solve again: where sparse attention
  // leads the clip away from the dense one, errors are measured where it really goes (the paper's
  // search feeds sparse outputs forward, too).
  bool sparse_trajectory = false;
  std::filesystem::path out;   // plan to write; the profile is inside
  std::filesystem::path work;  // what an interrupted search keeps; beside `out` if not given
  // The heads' attention maps so far (see twill/report/heads_picture.h), after every profiled step;
  // from the job's thread; may be empty.
  std::function<void(const media::Picture&)> live;
};

// Throws Error or Cancelled. The same options give the same plan, byte for byte, however often the
// search was stopped on the way. Times are left in "<plan>.search.json" beside the plan.
report::SearchResult search(const SearchOptions& options, const JobControl& control);

// Where a search that writes `out` keeps what it measured, unless `work` says otherwise. Another
// search may use the folder too: what it holds is kept by what it was measured with.
std::filesystem::path search_work_folder(const std::filesystem::path& out);

// Another plan from the profile in `file` (a plan with one, or a profile), for the sampler, steps
// and shift of `clip` and the grid of `options`: where they are empty, those that the plan was
// solved for, else those of the profile.
report::SearchResult solve_file(const std::filesystem::path& file, const SolveOptions& options,
                                const report::ClipSettings& clip, const std::filesystem::path& out);

}  // namespace twill::jobs
