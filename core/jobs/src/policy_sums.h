// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// From the clips of the rows to means, differences and what factors bring.
#pragma once

#include "twill/jobs/policies.h"

namespace twill::jobs {

// Fills in what PolicyResult holds beside its runs, and the contrasts of rows that were both
// measured. Differences are taken profile by profile and prompt by prompt: a clip that is hard for
// all says nothing of a rule. A row of a density of its own is compared with solver_there.
void add_sums(PoliciesReport& report);

}  // namespace twill::jobs
