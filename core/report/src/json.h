// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// JSON of what several records hold.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "twill/plan/json_dump.h"
#include "twill/plan/json_number.h"
#include "twill/report/attention_use.h"
#include "twill/report/generated_clip.h"

namespace twill::report {

using nlohmann::ordered_json;
using json = ordered_json;

inline json number(double value) { return json_number<json>(value); }
json or_null(const std::optional<double>& value);
json text_or_null(const std::string& text);  // null: empty

// 0..2^64-1; what earlier versions wrote below 0 is the seed that gives the same noise.
std::uint64_t seed_from(const json& value);

json to_json_value(const ClipTimes& times);
json to_json_value(const AttentionUse& use);

}  // namespace twill::report
