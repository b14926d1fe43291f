// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "vector_math.h"

#include <ATen/ATen.h>

#include <mutex>

namespace twill::engine {

void settle_vector_math() {
  static std::once_flag settled;
  std::call_once(settled, [] {
    for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
      // A single element is computed by the thread that asks.
      const at::Tensor one = at::ones({1}, type);
      one.exp();
      one.sqrt();
      one.tanh();
    }
  });
}

}  // namespace twill::engine
