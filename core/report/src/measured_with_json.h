// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "json.h"
#include "twill/report/measured_with.h"

namespace twill::report {

// Fields of a report; "run" where facts were told.
json to_json_value(const MeasuredWith& with);

}  // namespace twill::report
