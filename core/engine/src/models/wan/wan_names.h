// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Tensors of Wan's networks as diffusers' files name them, and upstream's names of the same.
#pragma once

#include <string>
#include <string_view>

#include "twill/engine/weights.h"

namespace twill::engine {

// Of WanTransformer3DModel and of AutoencoderKLWan, whose residual form (is_residual) is Wan 2.2's.
// A name that they do not have comes back as it is, so that a message shows it.
std::string original_transformer_name(std::string_view name);
std::string original_vae_name(std::string_view name, bool residual);

// Weights of either, told by a tensor that only they have, get upstream's names; others keep
// theirs. Throws Error(kFile) when a file holds a tensor under both names.
void take_original_names(Weights& weights);

}  // namespace twill::engine
