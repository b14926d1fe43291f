// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The noise that a clip starts from.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/ArrayRef.h>

#include <cstdint>

namespace twill::engine {

// Standard normal, fp32, on the CPU: the values of
// torch.randn(shape, generator=torch.manual_seed(seed)), which ComfyUI and diffusers start from
// too. Dimensions of 0 or less: Error(kUsage).
at::Tensor make_noise(at::IntArrayRef shape, std::uint64_t seed);

}  // namespace twill::engine
