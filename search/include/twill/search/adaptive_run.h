// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A run that measures on its way: a few of its own steps say what the candidates' errors are at
// this size and for this prompt, and what is left of the budget is solved for again after each.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "twill/plan/plan.h"
#include "twill/plan/profile.h"
#include "twill/search/profiler.h"
#include "twill/search/solver.h"

namespace twill::search {

// Steps of a run of `steps` that are measured, ascending: the first, and few enough later ones that
// measuring stays cheap, early enough that what they say is of use.
std::vector<std::int32_t> measured_steps(std::int32_t steps);

class AdaptiveRun {
 public:
  // request: for the whole run, its layout the one where the run takes place. Before anything is
  // measured, errors there are expected as layout_factors() says. threads: 0 for as many as the
  // process may use. Throws as Solver does.
  AdaptiveRun(std::shared_ptr<const Profile> profile, SolveRequest request,
              std::int32_t threads = 0, std::stop_token stop = {});
  ~AdaptiveRun();
  AdaptiveRun(AdaptiveRun&&) noexcept;
  AdaptiveRun& operator=(AdaptiveRun&&) noexcept;

  // The step that runs now, counted from 0.
  std::int32_t step() const;
  // What it and the steps after it run by, until finish_step() says that there is another.
  std::shared_ptr<const Plan> plan() const;
  // Whether its attention calls are to be shown to observe().
  bool measuring() const;
  // As Profiler::observe; the site's t_index and prompt say nothing. The query, key and value are
  // those that the model has while it runs by plan().
  void observe(CallSite site, const AttentionCall& call);
  // The same where it was measured already; what a driver must know for that, as in Profiler.
  // Throws Error(kUsage) in a step that is not measured.
  void observe(CallSite site, const CallMeasures& measures);
  std::span<const kernels::HeadTask> tasks() const;
  std::span<const kernels::TileListView> lists() const;
  std::vector<std::int32_t> rows() const;  // of this step
  // True when the rest of the run has another plan now. Throws Error(kModel) when the step was to
  // be measured and a layer was not observed, Error(kUsage) after the last step.
  bool finish_step();

  // Executed share of dense's cells over the whole run: steps that ran as they ran, the rest as
  // planned.
  double density() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace twill::search
