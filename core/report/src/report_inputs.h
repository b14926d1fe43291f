// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a report is made from, read and checked against each other.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "twill/report/plan_report.h"
#include "twill/report/search_record.h"

namespace twill::report {

struct ReportInputs {
  PlanFigures figures;  // of the first plan
  std::vector<MeasuredPlan> measured;
  std::vector<PredictedMeasured> probes;
  std::optional<double> search_seconds;
};
ReportInputs read_report_inputs(const ReportOptions& options);

// Reads a plan whose profile is needed. Throws Error(kModel) naming `file` when it has none.
std::shared_ptr<const Plan> read_plan_with_profile(const std::filesystem::path& file);

}  // namespace twill::report
