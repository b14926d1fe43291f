// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What every encoder of pictures is to the rest of the program.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <stop_token>

namespace twill::engine {

class ImageEncoder {
 public:
  virtual ~ImageEncoder() = default;

  virtual std::int64_t image_dim() const = 0;
  virtual std::int64_t tokens() const = 0;  // of one picture
  // picture: [height, width, 3] uint8 RGB on the CPU, of any size. Returns [1, tokens, image_dim]
  // fp32 on the CPU. Throws Cancelled once a stop is asked for, Error(kUsage) for another shape.
  virtual at::Tensor encode(const at::Tensor& picture, const std::stop_token& stop) const = 0;
};

}  // namespace twill::engine
