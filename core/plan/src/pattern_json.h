// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Patterns, layouts, models and provenance in JSON: what plans and profiles share.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json_value.h"
#include "twill/plan/plan.h"

namespace twill {

inline constexpr std::int32_t kSchemaMajor = 1;
inline constexpr std::int32_t kSchemaMinor = 2;

// Reads "schema_version" and returns its minor part. Fails at another major version, whose rules
// are not known here.
std::int32_t read_schema_minor(const JsonValue& root);
// Top-level fields that are not known: kept when the file is of a newer minor version, else
// refused. since: those that a later minor version than 0 added, and which.
std::map<std::string, std::string> read_newer_fields(
    const JsonValue& root, std::int32_t schema_minor, std::vector<std::string> known,
    std::initializer_list<std::pair<std::string_view, std::int32_t>> since);

Pattern read_pattern(const JsonValue& value);
std::vector<Pattern> read_patterns(const JsonValue& value);
TokenLayout read_layout(const JsonValue& value);
ModelShape read_model(const JsonValue& value);
std::map<std::string, std::string> read_provenance(const JsonValue& root);

std::string schema_version_text(std::int32_t schema_minor);
std::string pattern_text(const Pattern& pattern);
std::string patterns_text(const std::vector<Pattern>& patterns, std::size_t indent);
std::string layout_text(const TokenLayout& layout);
std::string model_text(const ModelShape& model, std::string_view path);
std::string provenance_text(const std::map<std::string, std::string>& provenance,
                            std::size_t indent, std::string_view path);

}  // namespace twill
