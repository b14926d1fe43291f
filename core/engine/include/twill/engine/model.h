// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A model: the networks of a model folder.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "twill/engine/device.h"
#include "twill/engine/model_description.h"
#include "twill/engine/text_table.h"
#include "twill/engine/wan_dit.h"
#include "twill/engine/wan_vae.h"
#include "twill/plan/plan.h"
#include "twill/plan/token_layout.h"

namespace twill::engine {

struct LoadOptions {
  std::optional<c10::Device> device;     // empty: choose_device()
  std::optional<c10::ScalarType> dtype;  // empty: choose_dtype(device)
  std::stop_token stop;                  // looked at before every tensor; then Cancelled is thrown
};

struct VideoModel {
  std::filesystem::path folder;
  std::string family;
  ModelDefaults defaults;
  std::vector<ClipSize> sizes;  // that it was trained on; may be empty
  c10::Device device = c10::kCPU;
  c10::ScalarType dtype = c10::kFloat;
  std::unique_ptr<WanDit> dit;
  std::unique_ptr<WanVae> vae;
  std::unique_ptr<TextTable> text;
  at::Tensor latent_colours;  // for previews, see latent_preview.h

  ModelShape shape() const;  // that its plans have
  // Tokens of a clip. Throws Error(kUsage) unless width and height are multiples of 16 and frames
  // are 4n+1.
  TokenLayout layout(const ClipSize& size) const;
  TokenLayout layout(std::int32_t width, std::int32_t height, std::int32_t frames) const {
    return layout(ClipSize{width, height, frames});
  }
  // [1, channels, frames, height, width] of a clip's latents; the same checks.
  std::array<std::int64_t, 5> latent_shape(const ClipSize& size) const;
};

// Throws Error(kFile, kUnsupported) naming file, field or tensor, and value when model.json or a
// weight file is not what it should be; Error(kModel) naming both files and their numbers when
// parts do not fit each other. Parts are compared before any of the networks is read.
VideoModel load_model(const std::filesystem::path& folder, const LoadOptions& options = {});

// As load_model() judges the folder, by the headers of its networks alone, in milliseconds. Its
// networks have no values: they tell of themselves and cannot run.
VideoModel inspect_model(const std::filesystem::path& folder);

}  // namespace twill::engine
