// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Two plans beside each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "twill/plan/plan.h"
#include "twill/report/plan_figures.h"

namespace twill::report {

// One head that two plans treat differently in (t_begin, t_end].
struct HeadDifference {
  double t_begin = 0.0;
  double t_end = 1.0;
  std::string head;  // "default blocks.3 head 1"
  std::string before;
  std::string after;
};
// Throws Error(kModel) when the plans are for different models.
std::vector<HeadDifference> differences(const Plan& before, const Plan& after);

// Two plans of one model, where they differ.
struct StretchDifference {
  double t_begin = 0.0;
  double t_end = 1.0;
  std::int32_t before = 0;  // segments of the plans
  std::int32_t after = 0;
  std::vector<std::size_t> heads;  // that differ, [expert][head_index], ascending
};
struct PlanDifference {
  std::shared_ptr<const Plan> before;
  std::shared_ptr<const Plan> after;
  std::vector<StretchDifference> stretches;  // all of t, in the order of a run
  // Over the same run, from one profile; empty without a profile that knows both plans' patterns,
  // and `why_no_figures` then says so.
  std::optional<PlanFigures> before_figures;
  std::optional<PlanFigures> after_figures;
  std::string why_no_figures;
};
// Throws Error(kModel) when the plans are for different models.
PlanDifference compare_plans(std::shared_ptr<const Plan> before, std::shared_ptr<const Plan> after,
                             const RunOptions& options);

// The heads that differ, and under "change" [before, after] of each figure, or null and the reason.
std::string to_json(const PlanDifference& difference);

}  // namespace twill::report
