// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Profiles, by themselves or inside plans.
#pragma once

#include <filesystem>
#include <memory>

#include "twill/plan/profile.h"

namespace twill::jobs {

// Throws Error(kFile) when the file holds no profile.
std::shared_ptr<const Profile> read_profile_of(const std::filesystem::path& file);

// A number that the profile's provenance holds. Throws Error(kFile) naming `file` when it has none.
double provenance_number(const Profile& profile, const char* key,
                         const std::filesystem::path& file);

// Throws Error(kModel) naming `file` when the profile is for another model.
void check_profile_for(const Profile& profile, const ModelShape& model,
                       const std::filesystem::path& file);

}  // namespace twill::jobs
