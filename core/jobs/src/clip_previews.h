// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the clip looks like while it is being made.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>

namespace twill::jobs {

class ClipPreviews {
 public:
  // latents: [1, channels, T, h, w] as the network has them, to [T, height, width, 3] uint8.
  using Draw = std::function<at::Tensor(const at::Tensor& latents)>;

  // colours: see engine/latent_preview.h. load: called for what draws finer pictures when the first
  // are asked for, and may give nothing. Where it cannot be read, or memory runs out while it
  // draws, the colours stand in from then on, and `note`, which may be empty, is told why: a clip
  // is not lost for its previews.
  ClipPreviews(at::Tensor colours, std::function<Draw()> load,
               std::function<void(const std::string&)> note);

  at::Tensor pictures(const at::Tensor& latents);

 private:
  void give_up(const std::string& why);

  at::Tensor colours_;
  std::function<Draw()> load_;
  std::function<void(const std::string&)> note_;
  Draw draw_;
};

}  // namespace twill::jobs
