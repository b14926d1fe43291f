// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// From predicted and measured errors of plans to how well the one tells the other.
#pragma once

#include "twill/jobs/prediction.h"

namespace twill::jobs {

// Fills in the correlations and residuals from the report's plans, densities and policies, and the
// densities that its options asked for.
void add_sums(PredictionReport& report);

}  // namespace twill::jobs
