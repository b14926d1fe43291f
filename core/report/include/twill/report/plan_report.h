// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What is known of a plan as one HTML file and pictures.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "twill/report/plan_figures.h"
#include "twill/report/sampler_run.h"

namespace twill::report {

struct ReportOptions {
  // Plans with their profiles, each followed by the reports (report.json) of clips that were made
  // with it. The report is about the first plan; others are points beside it.
  std::vector<std::filesystem::path> files;
  std::filesystem::path clips;  // folder of `evaluate --save-clips`, for worst.png; empty: none
  RunOptions run;               // where it differs from the evaluations', else from the profile's
  std::filesystem::path out;    // .html
  std::filesystem::path pictures;  // folder for the same charts as PNGs; empty: none
};

struct ReportResult {
  std::filesystem::path out;
  std::vector<std::filesystem::path> pictures;
  PlanFigures figures;  // of the first plan
  std::vector<MeasuredPlan> measured;
  std::vector<std::string> missing;  // one sentence each: what the files did not have
};

// Throws Error(kFile) for a file that is neither a plan nor a report, is damaged, or a plan without
// a profile, naming it; Error(kModel) for plans of another profile or a report of another plan;
// Error(kUsage); Error(kSystem) when a file cannot be written. The HTML file comes last, whole.
// `drawn` comes before each chart becomes a PNG and after the last, and may be empty; what it
// throws ends the work.
using PicturesDrawn = std::function<void(std::int64_t done, std::int64_t total)>;
ReportResult write_report(const ReportOptions& options, const PicturesDrawn& drawn = {});
std::string describe(const ReportResult& result);
std::string to_json(const ReportResult& result);

}  // namespace twill::report
