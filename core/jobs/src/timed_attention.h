// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Wall clock of what is queued on a device, and of the attention inside a denoising loop.
#pragma once

#include <c10/core/Device.h>

#include "meter.h"
#include "twill/engine/attention_hook.h"

namespace twill::jobs {

// Waits for the device's queue; CPUs have none.
void synchronise(c10::Device device);

// Hands calls on and adds up how long they took.
class TimedAttention final : public engine::SelfAttention {
 public:
  explicit TimedAttention(engine::SelfAttention& inner) : inner_(inner) {}

  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const engine::AttentionSite& site) override;

  double seconds() const { return seconds_; }

 private:
  engine::SelfAttention& inner_;
  double seconds_ = 0.0;
};

}  // namespace twill::jobs
