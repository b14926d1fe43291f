// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The typed facts of plans and profiles in JSON, and their checks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "json_text.h"
#include "json_value.h"
#include "twill/plan/plan.h"
#include "twill/plan/profile.h"

namespace twill {

// The first minor version whose files have them, and the first with heads in INT8 and their errors.
inline constexpr std::int32_t kFactsMinor = 1;
inline constexpr std::int32_t kPrecisionMinor = 2;

// Fields that are not there stay empty. The model is read already.
void read_facts(const JsonValue& root, Plan& plan);
void read_facts(const JsonValue& root, Profile& profile);
void add_facts(const Plan& plan, ObjectWriter& object);
// `indent`: of the profile's own braces.
void add_facts(const Profile& profile, std::size_t indent, std::string_view path,
               ObjectWriter& object);

// Throw Error(kFile) with the path and the value.
void check_facts_at(const Plan& plan, std::string_view where);
void check_facts_at(const Profile& profile, std::string_view where);

}  // namespace twill
