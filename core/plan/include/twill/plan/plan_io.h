// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Plan and profile files (JSON, schema presets/plan.schema.json). Files from outside are hostile:
// sizes are limited before memory is taken and every message names file, path, field and value.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "twill/plan/plan.h"
#include "twill/plan/profile.h"

namespace twill {

// At most 64 MiB. Throws Error(kFile) such as
//   my.json: segments[1].heads.default.blocks[3][2]: pattern 9 is not one of 0..4
Plan read_plan(const std::filesystem::path& file);
Plan parse_plan(std::string_view text, const std::string& file_name);
// Checks the plan and writes it whole (whole_files.h). Throws Error(kUsage) where something else
// than a plan stands there (outputs.h), Error(kSystem) where the file cannot be written; `file` is
// then as it was. The same plan gives the same bytes.
void write_plan(const std::filesystem::path& file, const Plan& plan);
std::string plan_to_json(const Plan& plan);

// As above; at most 1 GiB.
Profile read_profile(const std::filesystem::path& file);
Profile parse_profile(std::string_view text, const std::string& file_name);
std::string profile_to_json(const Profile& profile);
void write_profile(const std::filesystem::path& file, const Profile& profile);

}  // namespace twill
