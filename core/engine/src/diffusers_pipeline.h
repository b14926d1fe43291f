// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A folder as DiffusionPipeline.save_pretrained leaves it (diffusers 0.38 to 0.42): the pipeline's
// parts in model_index.json, each with its class, and a folder for each.
#pragma once

#include <filesystem>

#include "twill/engine/model_description.h"

namespace twill::engine {

inline constexpr const char* kPipelineFile = "model_index.json";

// Throws as describe_model_folder() does.
ModelDescription describe_pipeline(const std::filesystem::path& folder);

}  // namespace twill::engine
