// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Wall clock of what is queued on a device, and of the attention inside a denoising loop.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/Event.h>

#include <vector>

#include "meter.h"
#include "twill/engine/attention_hook.h"

namespace twill::jobs {

// Waits for the device's queue; CPUs have none.
void synchronise(c10::Device device);

// Hands calls on and adds up how long they took. On a device their begins and ends are marked in
// its queue, and nothing waits: the loop around them runs as it does without this class.
class TimedAttention final : public engine::SelfAttention {
 public:
  explicit TimedAttention(engine::SelfAttention& inner) : inner_(inner) {}

  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const engine::AttentionSite& site) override;

  // Waits for the calls so far.
  double seconds() const;

 private:
  struct Marks {
    c10::Event begin, end;
  };

  engine::SelfAttention& inner_;
  double seconds_ = 0.0;  // on the CPU
  std::vector<Marks> marks_;
};

}  // namespace twill::jobs
