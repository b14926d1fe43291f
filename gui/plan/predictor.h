// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a plan will cost and lose, from its profile, fast enough to follow every edit.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "twill/jobs/profiled_run.h"
#include "twill/plan/plan.h"
#include "twill/plan/profile.h"

namespace twill::gui {

struct PlanNumbers {
  double density = 1.0;                   // over all forwards of the profiled run
  std::optional<double> attention_share;  // of dense attention's time; where the profile timed it
  double error = 0.0;                     // as search::predicted_error
  std::int64_t unmeasured = 0;            // heads x segments whose pattern is no candidate: their
                                          // error is left out of the sum
};

// Not changed by asking: several threads may ask at once.
class Predictor {
 public:
  // Compiles all candidates at the profile's layout: seconds for large models, so call it from a
  // thread. Throws Error.
  explicit Predictor(std::shared_ptr<const Profile> profile);

  const Profile& profile() const { return *profile_; }
  const std::shared_ptr<const Profile>& profile_pointer() const { return profile_; }
  const jobs::ProfiledRun& run() const { return run_; }

  // The plan must be for the profile's model.
  PlanNumbers numbers(const Plan& plan) const;

  // Cells over dense's.
  double density(const Pattern& pattern) const;
  // Index of the candidate; empty: it was not measured.
  std::optional<std::size_t> candidate(const Pattern& pattern) const;
  // Head error, mean over the forwards of (t_begin, t_end] (over the nearest t when none is there).
  double head_error(std::size_t candidate, std::size_t expert, std::size_t head, double t_begin,
                    double t_end) const;
  double head_gain(std::size_t expert, std::size_t head, double t_begin, double t_end) const;

  // How much each t of the profile counts in a mean over the forwards of (t_begin, t_end]; sums to
  // 1. Made once for many heads.
  struct TimeShare {
    std::size_t t_index = 0;
    double share = 0.0;
  };
  std::vector<TimeShare> time_shares(double t_begin, double t_end) const;
  double head_error(std::size_t candidate, std::size_t expert, std::size_t head,
                    const std::vector<TimeShare>& shares) const;
  double head_gain(std::size_t expert, std::size_t head,
                   const std::vector<TimeShare>& shares) const;

 private:
  std::shared_ptr<const Profile> profile_;
  jobs::ProfiledRun run_;
  std::map<Pattern, std::size_t> candidates_;
  std::vector<double> milliseconds_;  // [candidates]; empty: not timed
  std::size_t dense_ = 0;
  mutable std::mutex mutex_;
  mutable std::map<Pattern, double> densities_;
};

}  // namespace twill::gui
