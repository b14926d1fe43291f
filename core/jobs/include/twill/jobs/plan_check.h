// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Whether a plan fits a model.
#pragma once

#include <filesystem>

#include "twill/plan/model_files.h"

namespace twill::jobs {

// Throws Error(kModel) saying what differs; loads the model.
void check_plan_for_model(const std::filesystem::path& plan, const ModelFiles& model);

}  // namespace twill::jobs
