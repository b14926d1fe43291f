// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Fits w(t) to whole clips.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "twill/plan/profile.h"
#include "twill/search/error_model.h"

namespace twill::search {

// A plan that was tried out.
struct Probe {
  std::vector<double> error_by_time;  // [bins], error_by_time() of the plan
  double clip_mse = 0.0;              // measured against the dense clip, > 0
};

struct Calibration {
  TimeWeight weight;              // at the middles of the bins, in clip MSE
  double rank_correlation = 0.0;  // of predicted and measured error over the probes
};

struct CalibrationOptions {
  TimeWeight prior = default_time_weight();
  // How many probes' worth the prior counts; the prior is scaled to the probes first. Keeps bins
  // that no probe tells apart near it.
  double prior_probes = 1.0;
};

// Non-negative least squares of relative errors, (predicted - measured) / measured. Throws
// Error(kUsage) naming the probe and the value.
Calibration calibrate(const std::vector<Probe>& probes, const std::vector<double>& edges,
                      const CalibrationOptions& options = {});

// Edges of the stretches that probes are sparse in: inner ones halfway between neighbouring steps,
// `bins` stretches, or as many as there are steps, of as equally many steps as can be, ascending
// from 0 to 1. step_t: descending.
std::vector<double> stretch_edges(const std::vector<double>& step_t, std::int32_t bins);
// Of 8-bit values.
double mse_of(double psnr_db);

// Key of the provenance of a profile without typed facts, as files of version 1.0 are.
inline constexpr const char* kTimeWeightKey = "time_weight";
// As the profile keeps it, else the default. Throws Error(kFile) when what it keeps is none.
TimeWeight time_weight_of(const Profile& profile);

// Spearman's; equal values share their mean rank. 0 when one side is constant.
double rank_correlation(const std::vector<double>& a, const std::vector<double>& b);

// Least |Ax - b|^2 over x >= 0 (Lawson and Hanson 1974, chapter 23). a: [rows][columns] row-major.
std::vector<double> non_negative_least_squares(const std::vector<double>& a,
                                               const std::vector<double>& b, std::size_t columns);

}  // namespace twill::search
