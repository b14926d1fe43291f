// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Whether a network's numbers are numbers still. A NaN or an infinity in one weight, or a value
// that a small dtype cannot hold, spreads over the whole clip, which then is black.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <stop_token>
#include <string>

#include "twill/plan/model_files.h"

namespace twill::engine {

// True when no value is NaN or infinite. One reduction; waits for the tensor's device.
bool all_finite(const at::Tensor& values);

// The end of a sentence about a clip that is not finite, "; ..." or empty: the first tensor of the
// model's files that is not finite or does not fit `dtype`, else that float16 may be too small.
// Reads all files of the model. Throws Error(kFile), Cancelled.
std::string why_not_finite(const ModelFiles& model, at::ScalarType dtype,
                           const std::stop_token& stop);

}  // namespace twill::engine
