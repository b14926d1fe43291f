// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "first_frame.h"

#include "picture_ops.h"
#include "twill/plan/error.h"

namespace twill::engine {

at::Tensor first_frame(const Vae& vae, const at::Tensor& start, const ClipSize& size,
                       const VaeOptions& options) {
  return vae.encode(cover(start, size.width, size.height).unsqueeze(2), options);
}

void ImageConditions::put_into(at::Tensor& latents) const {
  if (!first_frame.defined()) {
    return;
  }
  at::Tensor first = latents.narrow(2, 0, 1);
  TWILL_ASSERT(first.sizes() == first_frame.sizes());
  first.copy_(first_frame);
}

}  // namespace twill::engine
