// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The text side that a model folder names: a table of words, or a UMT5 with its tokenizer.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "twill/engine/model_description.h"
#include "twill/engine/text_encoder.h"
#include "twill/engine/weights.h"

namespace twill::engine {

struct TextRequest {
  const ModelDescription& description;
  std::function<Weights(const std::filesystem::path&)> open;
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
};

// Throws Error(kFile, kUnsupported, kModel) naming file and tensor.
std::unique_ptr<TextEncoder> load_text(const TextRequest& request);

}  // namespace twill::engine
