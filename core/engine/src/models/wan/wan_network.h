// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Wan's transformer as every video network is.
#pragma once

#include "twill/engine/network.h"
#include "twill/engine/wan_dit.h"

namespace twill::engine {

class WanNetwork final : public VideoNetwork {
 public:
  WanNetwork(WanDit dit, const ModelFamily& family);

  const NetworkFacts& facts() const override { return facts_; }
  std::unique_ptr<const Conditioning> condition(const at::Tensor& text,
                                                const ImageConditions& images) const override;
  TokenLayout layout(const ClipSize& size, const Conditioning& conditioning) const override;
  at::Tensor forward(const at::Tensor& x, const Conditioning& conditioning,
                     SelfAttention& attention, const StepInfo& step) const override;
  void release() const override { dit_.release(); }

 private:
  WanDit dit_;
  NetworkFacts facts_;
};

}  // namespace twill::engine
