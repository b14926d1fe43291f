// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How a report came about, as far as only the command line and the machine know it.
#pragma once

#include "twill/report/measured_with.h"

namespace twill::cli {

// "command" as it was typed, "date" (UTC), "driver" of the NVIDIA GPU where there is one, and
// "commit" from the environment's TWILL_COMMIT.
report::ReportFacts report_facts(int argc, char** argv);

}  // namespace twill::cli
