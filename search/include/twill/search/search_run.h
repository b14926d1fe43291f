// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A whole search as a state machine, which knows no model and no host: it says what is to be done
// next, and whoever runs the model does it and answers. What is measured, in which order, what is
// kept and what the plan says of itself is decided here, so that every host finds the same plan.
//
//   SearchRun run(request);
//   while (const std::optional<SearchWork> work = run.next()) {
//     ClipWork:    run.profiler(layout), show it the steps, run.finish_unit() after each, then
//                  run.clip_made()
//     CostWork:    run.costs_measured(table)
//     QualityWork: run.quality_measured(psnr_db)
//     SecondsWork: run.seconds_measured(seconds)
//   }
//   run.result().plan
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "twill/plan/profile.h"
#include "twill/search/budget_finder.h"
#include "twill/search/plan_solving.h"
#include "twill/search/profiler.h"
#include "twill/search/solved_for.h"

namespace twill::search {

// A wish that clips by plans are made for until it holds; the budget to solve for is then found.
struct SearchTarget {
  Wish wish = Wish::kPsnr;
  double value = 0.0;  // dB, the mean over the prompts; or dense seconds over sparse
  std::int32_t most_tries = 5;
};
// Throws Error(kUsage) naming what is out of range.
void check_target(const SearchTarget& target);

struct SearchRequest {
  ModelShape model;
  std::optional<TokenLayout> layout;  // of the clips, where it is known before one is made
  RunFacts run;                       // t of every step of the clips, and of the plan's run
  // Of a clip of the first prompt with map_steps(run.steps) steps, for its attention maps.
  RunFacts maps_run;
  std::optional<double> expert_boundary;  // of a model with two experts
  std::vector<std::string> prompts;       // names of what the clips are of
  std::vector<std::uint64_t> seeds;       // of the prompts

  std::int32_t points = 10;  // steps that are profiled (profiled_steps)
  // Blocks a side of the attention maps; empty: 52, or as many as the clip has tokens. 0: none.
  std::optional<std::int32_t> map_size;
  bool stripes = true;  // a clip for its maps first, which say what stripes are offered
  // Dense clips are made with all steps of the run, each of them by every process: the host hands
  // them on or compares with them. Else only as far as units are missing, and by Euler steps from
  // one profiled t to the next, which is as many forwards less. With fewer points than steps the
  // two do not go through the same latents.
  bool whole_clips = false;

  // Measure what heads lose in INT8, so that the plan may have some of them so.
  bool int8 = false;
  SolveOptions solve;  // its budget says nothing beside a target
  std::optional<SearchTarget> target;
  // Clips that the weight of t is fitted to, each sparse in one stretch of the run; 0: the default
  // weight.
  std::int32_t probes = 0;
  // Profile once more while the plan that was found runs, and solve again: where sparse attention
  // leads the clip away from the dense one, errors are measured where it really goes.
  bool sparse_trajectory = false;

  Provenance provenance;  // of the profile, and so of its plans
  // All that decides a clip beside its prompt and seed: weights, size, sampler, steps, dtype.
  std::string clip_key;
  std::string device;          // and whatever else decides times
  std::filesystem::path work;  // where everything that was measured is kept
  // Where times of candidates are kept instead, for other searches too; when nothing can be kept
  // there, the next search measures again.
  std::filesystem::path costs;
  std::int32_t threads = 0;  // that the profiler measures with; 0: as many as the process may use
};

// A step of a clip, counted from 0, and which of the profiler's t it stands at.
struct ShownStep {
  std::int32_t step = 0;
  std::int32_t t_index = 0;
  friend bool operator==(const ShownStep&, const ShownStep&) = default;
};

// Make a clip and show some of its steps. While no layout is known, all steps that may be missing
// are named, and Profiler::done() says which of them are there.
struct ClipWork {
  enum class Purpose : std::uint8_t { kMaps, kProfile, kTrajectory };
  Purpose purpose = Purpose::kProfile;
  std::int32_t prompt = 0;
  std::uint64_t seed = 0;
  std::vector<double> t;             // of every step
  std::vector<ShownStep> shown;      // ascending; what comes after the last may be left out,
                                     // unless whole clips were asked for
  std::shared_ptr<const Plan> plan;  // that the clip is made by; none: dense
};
// Time the profile's candidates where the model runs.
struct CostWork {
  std::shared_ptr<const Profile> profile;
};
// Compare the prompt's clip by the plan with its dense one.
struct QualityWork {
  enum class Purpose : std::uint8_t { kProbe, kTry };
  Purpose purpose = Purpose::kTry;
  std::int32_t number = 1, of = 1;  // of the probes, or of the tries at most
  std::int32_t prompt = 0;
  std::uint64_t seed = 0;
  std::shared_ptr<const Plan> plan;
};
// Time the denoising loop of the first prompt's clip, by a plan or dense.
struct SecondsWork {
  std::int32_t number = 1, of = 1;   // of the tries, at most
  std::shared_ptr<const Plan> plan;  // none: dense
};
using SearchWork = std::variant<ClipWork, CostWork, QualityWork, SecondsWork>;

// One plan of a search for a target.
struct SearchTry {
  double budget = 0.0;
  double density = 0.0;
  double measured = 0.0;  // dB, infinite where all clips were equal; or a ratio
  bool holds = false;
  friend bool operator==(const SearchTry&, const SearchTry&) = default;
};

// A plan whose error was predicted and then measured.
struct MeasuredPlan {
  std::string name;
  double predicted = 0.0;  // predicted error
  double clip_mse = 0.0;   // against the dense clips, of 8-bit RGB
};

class SearchRun {
 public:
  // Throws Error(kUsage) naming what is out of range.
  explicit SearchRun(SearchRequest request, std::stop_token stop = {});
  ~SearchRun();
  SearchRun(SearchRun&&) noexcept;
  SearchRun& operator=(SearchRun&&) noexcept;

  // What is to be done now, the same until it is answered; nothing: result() has the plan. What
  // is kept is not asked for again. Throws Cancelled when a stop was asked for; Error(kUnsupported)
  // when the target was not reached, saying how near the tries came; as Profiler and solve_plan()
  // do.
  std::optional<SearchWork> next();

  // What the clip that is asked for is shown to; it lives on for those who hold it. Throws
  // Error(kModel) for another layout than that of the clips before.
  std::shared_ptr<Profiler> profiler(const TokenLayout& layout);
  // All calls of a shown step were observed: the unit is kept, with the seconds that it took, the
  // steps since the last unit among them. Throws as Profiler::finish_unit.
  void finish_unit(std::int32_t t_index, double seconds);

  // Answers. Throw Error(kUsage) when something else is asked for, when a step was not shown, or
  // for a figure that nothing measures, naming it.
  void clip_made();
  void costs_measured(CostTable table);
  void quality_measured(double psnr_db);  // infinite: equal clips
  void seconds_measured(double seconds);

  // Of a search for a target.
  const std::vector<SearchTry>& tries() const;
  double wanted() const;  // what must be measured: the target and a margin; 0 before the first try
  // Ends the search with the best of the tries so far; false, and nothing changes, when none holds.
  bool take_best();

  // The seconds of finish_unit(), with those of other processes.
  double seconds() const;
  double seconds_elsewhere() const;  // of it, what other processes spent

  // The plan says what it is and holds its profile. told: more of its provenance. Throws
  // Error(kUsage) while next() asks for something; as solve_plan() does.
  SolveResult result(const Provenance& told = {}) const;
  // The probes, and the tries for a quality.
  const std::vector<MeasuredPlan>& measured() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Steps that are profiled, the first and the last of the run among them, ascending; closer together
// where errors count more: the stretches between them have equal sums of the square root of the
// default weight of t.
std::vector<std::int32_t> profiled_steps(const std::vector<double>& step_t, std::int32_t points);
// Steps of the clip that only its attention maps are wanted of, for a run of so many.
std::int32_t map_steps(std::int32_t steps);

}  // namespace twill::search
