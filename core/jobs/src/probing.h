// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Fits the weight of t to whole clips of this model.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kept_quality.h"
#include "session.h"
#include "twill/jobs/search.h"
#include "twill/plan/profile.h"
#include "twill/report/search_record.h"
#include "twill/search/calibration.h"

namespace twill::jobs {

// Makes `probes` clips of the prompt, each sparse in one stretch of the run only and dense
// elsewhere.
struct TimeCalibration {
  search::TimeWeight weight;
  std::vector<report::PredictedMeasured> probes;  // with the new weight
};
TimeCalibration calibrate_time_weight(const Session& session,
                                      std::shared_ptr<const Profile> profile,
                                      const EncodedPrompt& prompt, std::uint64_t seed,
                                      std::int32_t probes, KeptQuality& quality);

// Inner edges halfway between neighbouring steps: `bins` stretches of as equally many steps as can
// be, ascending from 0 to 1.
std::vector<double> stretch_edges(const std::vector<double>& step_t, std::int32_t bins);

}  // namespace twill::jobs
