// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Tiny autoencoders of Wan's latents, as ComfyUI's users keep them for previews; architectures.h
// has what finds their files.
#pragma once

#include <filesystem>
#include <memory>

#include "twill/engine/tae_decoder.h"

namespace twill::engine {

// Throws Error(kFile) naming file and tensor.
std::unique_ptr<TaeDecoder> load_wan_tae(const std::filesystem::path& file, at::ScalarType dtype,
                                         at::Device device);

}  // namespace twill::engine
