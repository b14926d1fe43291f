// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/plan_check.h"

#include "twill/engine/model.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_io.h"

namespace twill::jobs {

void check_plan_for_model(const std::filesystem::path& plan, const ModelFiles& model) {
  const Plan read = read_plan(plan);
  const engine::VideoModel loaded = engine::inspect_model(model);
  try {
    check_plan_fits(read, loaded.shape());
  } catch (const Error& error) {
    throw Error(error.code(), concat(plan.string(), ": ", error.what()));
  }
}

}  // namespace twill::jobs
