// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A row of report.json.
#pragma once

#include "json.h"
#include "twill/report/evaluation.h"

namespace twill::report {

json to_json_value(const EvaluateRow& row);
EvaluateRow evaluate_row_from(const json& value);

}  // namespace twill::report
