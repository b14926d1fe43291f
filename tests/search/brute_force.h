// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The least predicted error of a tiny problem by trying every choice. Shares no code with the
// solver.
#pragma once

#include "twill/search/solver.h"

namespace twill::test {

// One expert, one forward a step. Infinite when nothing fits the budget.
double least_error_by_trying(const Profile& profile, const search::SolveRequest& request);

}  // namespace twill::test
