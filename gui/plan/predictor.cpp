// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan/predictor.h"

#include <utility>

namespace twill::gui {

Predictor::Predictor(std::shared_ptr<const Profile> profile)
    : Predictor(profile, report::solved_run(*profile)) {}

Predictor::Predictor(std::shared_ptr<const Profile> profile, report::SolvedRun run)
    : profile_(std::move(profile)),
      run_(std::move(run)),
      ledger_(profile_, run_.forwards, run_.weight, run_.layout) {}

}  // namespace twill::gui
