// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan_inputs.h"

#include "twill/jobs/model_facts.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"

namespace twill::jobs {

std::shared_ptr<const Plan> read_plan_for(const std::filesystem::path& file,
                                          const ModelFiles& model) {
  if (file.empty()) {
    return nullptr;
  }
  auto plan = std::make_shared<const Plan>(read_plan(file));
  const ModelShape shape = read_model_facts(model).shape;
  try {
    check_plan_fits(*plan, shape);
  } catch (const Error& error) {
    throw Error(error.code(), concat(file.string(), ": ", error.what()));
  }
  return plan;
}

KeptProfile read_kept_profile(const std::filesystem::path& file) {
  // A plan is tried first; when the file is no plan either way, the plan's message is the one that
  // people expect.
  try {
    const Plan plan = read_plan(file);
    require(plan.profile != nullptr, ErrorCode::kFile, file.string(),
            ": the plan holds no profile");
    return {.profile = plan.profile, .solved_for = search::solved_for(plan)};
  } catch (const Error& as_plan) {
    std::shared_ptr<const Profile> profile;
    try {
      profile = std::make_shared<Profile>(read_profile(file));
    } catch (const Error&) {
      throw as_plan;
    }
    return {.profile = profile, .solved_for = search::solved_for(*profile)};
  }
}

std::shared_ptr<const Profile> read_profile_of(const std::filesystem::path& file) {
  return read_kept_profile(file).profile;
}

void check_profile_for(const Profile& profile, const ModelShape& model,
                       const std::filesystem::path& file) {
  require(profile.model == model, ErrorCode::kModel, file.string(),
          ": the profile is for another model (", profile.model.family, ", ",
          profile.model.heads_total(), " heads of ", profile.model.head_dim, "; this one has ",
          model.heads_total(), " of ", model.head_dim, ")");
}

}  // namespace twill::jobs
