// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// JSON of what several jobs report.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "twill/plan/json_dump.h"
#include "twill/plan/json_number.h"
#include "twill/report/clip_settings.h"

namespace twill::jobs {

using nlohmann::ordered_json;
using json = ordered_json;

inline json number(double value) { return json_number<json>(value); }

// What a measurement was made with: model, device, dtype, versions, the clips' settings.
json measured_with(const std::string& model, const std::string& device, const std::string& dtype,
                   const report::ClipSettings& clip);

}  // namespace twill::jobs
