// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Plans that are sparse in one stretch of a run only: what their clips lose says how much an error
// at each t counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "twill/plan/profile.h"
#include "twill/search/error_model.h"
#include "twill/search/search_run.h"

namespace twill::search {

class ProbeSeries {
 public:
  // probes: at most; one for each step is the most there can be.
  ProbeSeries(std::shared_ptr<const Profile> profile, const RunFacts& run, std::int32_t probes);

  const std::vector<std::shared_ptr<const Plan>>& plans() const { return plans_; }

  struct Fitted {
    TimeWeight weight;
    std::vector<MeasuredPlan> measured;  // with the new weight
  };
  // psnr_db: of each plan's clip.
  Fitted fit(const std::vector<double>& psnr_db) const;

 private:
  std::shared_ptr<const Profile> profile_;
  std::vector<Forward> forwards_;
  std::vector<double> edges_;
  std::vector<std::shared_ptr<const Plan>> plans_;
};

}  // namespace twill::search
