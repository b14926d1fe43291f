// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Plan and profile files (JSON, schema presets/plan.schema.json). Files from outside are hostile: sizes are limited
// before memory is taken and every message names file, path, field and value.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "twill/plan/plan.h"
#include "twill/plan/profile.h"

namespace twill {

Plan read_plan(const std::filesystem::path& file);
Plan parse_plan(std::string_view text, const std::string& file_name);
// Writes to a temporary file beside `file`, then renames.
void write_plan(const std::filesystem::path& file, const Plan& plan);
std::string plan_to_json(const Plan& plan);

Profile read_profile(const std::filesystem::path& file);
void write_profile(const std::filesystem::path& file, const Profile& profile);

}  // namespace twill
