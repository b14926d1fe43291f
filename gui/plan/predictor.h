// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a plan will cost and lose, from its profile, fast enough to follow every edit.
#pragma once

#include <memory>
#include <optional>

#include "twill/plan/plan.h"
#include "twill/plan/profile.h"
#include "twill/report/solved_run.h"
#include "twill/search/ledger.h"

namespace twill::gui {

using search::PlanNumbers;

// Not changed by asking: several threads may ask at once.
class Predictor {
 public:
  // For the run that the profile was measured in. Compiles all candidates at the run's layout:
  // seconds for large models, so call it from a thread. Throws Error.
  explicit Predictor(std::shared_ptr<const Profile> profile);
  // For the run that a plan was solved for (report::solved_run).
  Predictor(std::shared_ptr<const Profile> profile, report::SolvedRun run);

  const Profile& profile() const { return *profile_; }
  const std::shared_ptr<const Profile>& profile_pointer() const { return profile_; }
  const report::SolvedRun& run() const { return run_; }
  // Of that run. Head errors there are those that are expected at its layout.
  const search::Ledger& ledger() const { return ledger_; }

  // The plan must be for the profile's model.
  PlanNumbers numbers(const Plan& plan) const { return ledger_.numbers(plan); }
  // Cells over dense's.
  double density(const Pattern& pattern) const { return ledger_.density(pattern); }
  // Index of the candidate; empty: it was not measured.
  std::optional<std::size_t> candidate(const Pattern& pattern) const {
    return ledger_.candidate(pattern);
  }

 private:
  std::shared_ptr<const Profile> profile_;
  report::SolvedRun run_;
  search::Ledger ledger_;
};

}  // namespace twill::gui
