// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/finite.h"

#include <ATen/ATen.h>

#include "twill/engine/device.h"
#include "twill/engine/model.h"
#include "twill/engine/weights.h"
#include "twill/plan/error.h"

namespace twill::engine {

bool all_finite(const at::Tensor& values) {
  // A sum is finite only when all its terms are; terms whose sum overflows are no clip either.
  return at::isfinite(values.sum(at::kFloat)).item<bool>();
}

std::string why_not_finite(const ModelFiles& model, at::ScalarType dtype,
                           const std::stop_token& stop) {
  for (const std::filesystem::path& file : describe_model(model).files()) {
    Weights weights = Weights::open(file);
    weights.set_stop(stop);
    for (const std::string& name : weights.names()) {
      if (!c10::isFloatingType(weights.dtype(name))) {
        continue;
      }
      const at::Tensor values = weights.get(name, weights.shape(name), at::kFloat);
      if (!at::isfinite(values).all().item<bool>()) {
        return concat("; ", weights.place_of(name), " holds values that are not finite");
      }
      if (!at::isfinite(values.to(dtype)).all().item<bool>()) {
        return concat("; ", weights.place_of(name), " holds values that are too large for ",
                      dtype_name(dtype));
      }
    }
  }
  return dtype == at::kHalf
             ? "; all weights are finite, so float16 may be too small for this model: use float32 "
               "or bfloat16"
             : "";
}

}  // namespace twill::engine
