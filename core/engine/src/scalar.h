// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// From a dtype at run time to a type: one list for all loops of our own.
#pragma once

#include <ATen/ATen.h>

#include "twill/plan/error.h"

namespace twill::engine {

// Calls with float, at::BFloat16 or at::Half: the dtypes that networks run in.
template <typename Function>
void with_scalar(at::ScalarType dtype, const Function& function) {
  if (dtype == at::kFloat) {
    function(float{});
  } else if (dtype == at::kBFloat16) {
    function(at::BFloat16{});
  } else {
    TWILL_ASSERT(dtype == at::kHalf);
    function(at::Half{});
  }
}

}  // namespace twill::engine
