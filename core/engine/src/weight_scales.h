// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Scales of fp8 weights, as ComfyUI's files have them. The older form: a marker tensor `scaled_fp8`
// and X.scale_weight, X.scale_input beside X.weight; the newer one: X.weight_scale, X.input_scale
// and the format in X.comfy_quant (JSON as bytes) or in the header's `_quantization_metadata`.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "twill/engine/weights.h"

namespace twill::engine {

struct WeightScales {
  // Weight -> the tensor that its stored values are multiplied by: one number, or [out, 1].
  std::map<std::string, std::string> scale_of;
  // Tensors that say how the others are stored, and scales of inputs: products run in the network's
  // own dtype here, so an input is never cut to 8 bits.
  std::vector<std::string> without_effect;
};

// Throws Error(kUnsupported) naming the tensor for a format, a flag or a scale that is not known,
// Error(kFile) for a scale that is missing.
WeightScales find_scales(const Weights& weights);

}  // namespace twill::engine
