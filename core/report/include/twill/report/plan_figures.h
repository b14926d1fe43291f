// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The numbers of a plan that reports and the app show: what every head keeps, costs and loses,
// predicted from a profile; and what was measured.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "twill/plan/plan.h"
#include "twill/plan/profile.h"
#include "twill/report/evaluation.h"
#include "twill/report/sampler_run.h"
#include "twill/search/ledger.h"
#include "twill/search/solved_for.h"
#include "twill/search/solver.h"

namespace twill::report {

struct FiguresRun {
  std::string sampler;
  std::int32_t steps = 0;
  double shift = 0.0;  // 0: the model has none
  TokenLayout layout;
  std::vector<search::Forward> forwards;  // one a step, in the order of the run: t descending
};
// Throws Error(kFile) when neither the options nor the profile say it, naming `file` and the field;
// Error(kUsage) for a setting that no run can have, a sampler that is not ours, or two experts and
// no boundary.
FiguresRun run_of(const Profile& profile, const RunOptions& options,
                  const std::filesystem::path& file);
// The plan must hold its profile.
FiguresRun run_of(const Plan& plan, const RunOptions& options, const std::filesystem::path& file);
// Where the plan was solved for, else where the profile was measured.
TokenLayout solved_layout(const Profile& profile, const search::SolvedFor& kept);

// One head in one segment.
struct HeadFigures {
  std::int32_t pattern = -1;  // index into Plan::patterns; -1: dense because the segment is
  PatternKind kind = PatternKind::kDense;
  double density = 1.0;     // cells over dense's
  double head_error = 0.0;  // expected at the run's layout; mean over the segment's steps, where
                            // none falls, at its middle
  double error = 0.0;       // its part of the predicted error, summed over the segment's steps
  double cost = 0.0;        // of one forward, in PlanFigures' unit
};

struct SegmentFigures {
  double t_begin = 0.0;
  double t_end = 1.0;
  bool dense = false;
  std::int32_t steps = 0;          // of the run that fall into it
  std::vector<double> density;     // [expert] of one forward, which runs one of them
  std::vector<HeadFigures> heads;  // [expert][head_index]
};

struct LayerFigures {
  std::string name;         // "blocks.3"
  double dense_cost = 0.0;  // of one forward, mean over the run
  double plan_cost = 0.0;
  std::vector<double> error;  // [steps] of the predicted error
};

// A plan over a run.
struct PlanFigures {
  std::shared_ptr<const Plan> plan;
  std::shared_ptr<const Profile> profile;
  FiguresRun run;
  TimeWeight weight;
  std::shared_ptr<const search::Ledger> ledger;  // of profile, run and weight
  bool cost_is_time = false;             // costs are milliseconds of the profile's cost table, else
                                         // millions of query-key cells
  std::vector<SegmentFigures> segments;  // in the order of the run: from noise (t = 1) down
  std::vector<LayerFigures> layers;      // stacks one after another
  std::vector<std::vector<double>> kind_error;  // [kPatternNames][steps] of the predicted error
  double density = 1.0;                         // of the whole run
  double cost = 0.0;                            // of one forward, mean over the run
  double dense_cost = 0.0;
  double predicted_error = 0.0;
  double clip_error = 0.0;  // what a clip is expected to show: search::Ledger::clip_error
  std::int32_t dense_first_steps = 0;
  std::int32_t dense_last_steps = 0;
  std::int32_t dense_first_layers = 0;  // that the search was told
};
// The plan's patterns must be candidates of the profile. Throws Error(kModel).
PlanFigures figures_of(std::shared_ptr<const Plan> plan, std::shared_ptr<const Profile> profile,
                       const FiguresRun& run);

// Best plans of the profile at `points` budgets, with the plan's numbers of segments, of dense
// first and last steps, and of dense first layers.
std::vector<search::FrontPoint> front_of(const PlanFigures& figures, std::int32_t points = 33);

// Head errors at the profile's times and the run's layout as if the segment's patterns ran there:
// mean over the heads of each kind, [kPatternNames][t]; empty where the segment has no such head.
std::vector<std::vector<double>> kind_head_errors(const PlanFigures& figures, std::size_t segment);

// A plan of whose clips some were measured.
struct MeasuredPlan {
  std::string name;  // of the plan's file
  PlanFigures figures;
  EvaluateReport report;
  EvaluateSummary summary;
  double mean_mse = 0.0;  // of 8-bit RGB, mean over prompts
};

// Decibels that a clip error of 1 stands for: PSNR = offset - 10 log10(clip error), the offset the
// mean over the measured plans. Empty without one, or where none has an error above 0.
std::optional<double> psnr_offset(const std::vector<MeasuredPlan>& measured);

}  // namespace twill::report
