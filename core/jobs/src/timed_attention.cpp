// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "timed_attention.h"

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace twill::jobs {

void synchronise(c10::Device device) {
  if (!device.is_cpu()) {
    const c10::impl::VirtualGuardImpl guard(device.type());
    guard.getStream(device).synchronize();
  }
}

at::Tensor TimedAttention::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const engine::AttentionSite& site) {
  synchronise(q.device());
  const Clock::time_point begin = Clock::now();
  at::Tensor out = inner_.run(q, k, v, site);
  synchronise(q.device());
  seconds_ += seconds_since(begin);
  return out;
}

}  // namespace twill::jobs
