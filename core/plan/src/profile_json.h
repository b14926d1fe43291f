// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>

#include "json_value.h"
#include "twill/plan/profile.h"

namespace twill {

// `schema_minor`: of the file that the profile stands in. The result is checked.
Profile read_profile_value(const JsonValue& value, std::int32_t schema_minor);

// The oldest minor version that has all its fields, and no older one than its file's.
std::int32_t minor_of(const Profile& profile);

// With "schema_version" when it is a file of its own.
std::string profile_text(const Profile& profile, std::size_t indent, std::string_view path,
                         bool own_file);

}  // namespace twill
