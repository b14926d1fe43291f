// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Plans and profiles that a job is given: read, and held against its model.
#pragma once

#include <filesystem>
#include <memory>

#include "twill/plan/model_files.h"
#include "twill/plan/profile.h"
#include "twill/search/solved_for.h"

namespace twill::jobs {

// The plan for a model, both told apart before the model's weights are read: what its headers say
// is enough. Null for an empty path. Throws Error(kFile, kModel) naming the plan's file.
std::shared_ptr<const Plan> read_plan_for(const std::filesystem::path& file,
                                          const ModelFiles& model);

// A profile with the run that its plan was solved for, else the one that it was measured in.
struct KeptProfile {
  std::shared_ptr<const Profile> profile;
  search::SolvedFor solved_for;
};
// Throws Error(kFile) when the file holds no profile.
KeptProfile read_kept_profile(const std::filesystem::path& file);
std::shared_ptr<const Profile> read_profile_of(const std::filesystem::path& file);

// Throws Error(kModel) naming `file` when the profile is for another model.
void check_profile_for(const Profile& profile, const ModelShape& model,
                       const std::filesystem::path& file);

}  // namespace twill::jobs
