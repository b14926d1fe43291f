// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// JSON of what several jobs report.
#pragma once

#include <nlohmann/json.hpp>

#include "twill/jobs/evaluate.h"
#include "twill/jobs/generate.h"
#include "twill/plan/json_dump.h"

namespace twill::jobs {

using nlohmann::ordered_json;
using json = ordered_json;

// JSON has no infinity, and the PSNR of equal clips is one: null. Earlier versions wrote "inf".
json number(double value);
double number_from(const json& value);
json or_null(const std::optional<double>& value);
json text_or_null(const std::string& text);  // null: empty

// 0..2^64-1; what earlier versions wrote below 0 is the seed that gives the same noise.
std::uint64_t seed_from(const json& value);

// What a measurement was made with: model, device, dtype, versions, the clips' settings.
json measured_with(const std::string& model, const std::string& device, const std::string& dtype,
                   const ClipSettings& clip);

json to_json_value(const ClipTimes& times);
json to_json_value(const AttentionUse& use);
json to_json_value(const EvaluateRow& row);
ClipTimes clip_times_from(const json& value);
AttentionUse attention_use_from(const json& value);
EvaluateRow evaluate_row_from(const json& value);

}  // namespace twill::jobs
