// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The difference of two plans as one HTML file and a picture.
#pragma once

#include <filesystem>
#include <string>

#include "twill/report/plan_comparison.h"
#include "twill/report/sampler_run.h"

namespace twill::report {

struct DifferenceOptions {
  std::filesystem::path before;
  std::filesystem::path after;
  RunOptions run;
  std::filesystem::path out;      // .html; empty: none
  std::filesystem::path picture;  // .png; empty: none
};
// Throws as write_report().
PlanDifference write_difference(const DifferenceOptions& options);
// "predicted error 1.27 -> 2.53, density ..., cost ..."; why not, where there are no figures.
std::string describe_change(const PlanDifference& difference);
}  // namespace twill::report
