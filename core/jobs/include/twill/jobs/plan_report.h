// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Job: what is known of a plan, or of the difference of two, as one HTML file and pictures.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "twill/jobs/job.h"
#include "twill/jobs/plan_figures.h"

namespace twill::jobs {

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
ReportResult write_report(const ReportOptions& options, const JobControl& control);
std::string describe(const ReportResult& result);
std::string to_json(const ReportResult& result);

struct DifferenceOptions {
  std::filesystem::path before;
  std::filesystem::path after;
  RunOptions run;
  std::filesystem::path out;      // .html; empty: none
  std::filesystem::path picture;  // .png; empty: none
};
// Throws as write_report.
PlanDifference write_difference(const DifferenceOptions& options);
// "predicted error 1.27 -> 2.53, density ..., cost ..."; why not, where there are no figures.
std::string describe_change(const PlanDifference& difference);
// The heads that differ, and under "change" [before, after] of each figure, or null and the reason.
std::string to_json(const PlanDifference& difference);

}  // namespace twill::jobs
