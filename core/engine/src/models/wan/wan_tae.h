// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Tiny autoencoders of Wan's latents, as ComfyUI's users keep them for previews.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "twill/engine/tae_decoder.h"
#include "twill/plan/model_files.h"

namespace twill::engine {

// The file of one for latents of so many channels, in `vae_approx`, in `vae` or beside the model;
// empty where there is none. It is told by "taew" in its name, too, for the tensors are the same as
// those of HunyuanVideo's.
std::filesystem::path find_wan_tae(const ModelFiles& model, std::int64_t channels);

// Throws Error(kFile) naming file and tensor.
std::unique_ptr<TaeDecoder> read_wan_tae(const std::filesystem::path& file, at::ScalarType dtype,
                                         at::Device device);

}  // namespace twill::engine
