// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// JSON of what several jobs report.
#pragma once

#include <nlohmann/json.hpp>

#include "twill/plan/json_dump.h"
#include "twill/plan/json_number.h"

namespace twill::jobs {

using nlohmann::ordered_json;
using json = ordered_json;

inline json number(double value) { return json_number<json>(value); }

}  // namespace twill::jobs
