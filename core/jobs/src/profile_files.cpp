// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "profile_files.h"

#include "json.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"

namespace twill::jobs {

std::shared_ptr<const Profile> read_profile_of(const std::filesystem::path& file) {
  // A plan is tried first; when the file is no plan either way, the plan's message is the one that
  // people expect.
  try {
    const Plan plan = read_plan(file);
    require(plan.profile != nullptr, ErrorCode::kFile, file.string(),
            ": the plan holds no profile");
    return plan.profile;
  } catch (const Error& as_plan) {
    try {
      return std::make_shared<Profile>(read_profile(file));
    } catch (const Error&) {
      throw as_plan;
    }
  }
}

double provenance_number(const Profile& profile, const char* key,
                         const std::filesystem::path& file) {
  const auto found = profile.provenance.find(key);
  const json value =
      found == profile.provenance.end() ? json() : json::parse(found->second, nullptr, false);
  require(value.is_number(), ErrorCode::kFile, file.string(),
          ": the profile does not say for which ", key, " it was measured; give it");
  return value.get<double>();
}

void check_profile_for(const Profile& profile, const ModelShape& model,
                       const std::filesystem::path& file) {
  require(profile.model == model, ErrorCode::kModel, file.string(),
          ": the profile is for another model (", profile.model.family, ", ",
          profile.model.heads_total(), " heads of ", profile.model.head_dim, "; this one has ",
          model.heads_total(), " of ", model.head_dim, ")");
}

}  // namespace twill::jobs
