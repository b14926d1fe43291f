// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "timed_attention.h"

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <utility>

namespace twill::jobs {

void synchronise(c10::Device device) {
  if (!device.is_cpu()) {
    const c10::impl::VirtualGuardImpl guard(device.type());
    guard.getStream(device).synchronize();
  }
}

namespace {

c10::Event mark(c10::Device device) {
  c10::Event event(device.type(), c10::EventFlag::BACKEND_DEFAULT);  // one that knows its time
  event.record(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
  return event;
}

}  // namespace

at::Tensor TimedAttention::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const engine::AttentionSite& site) {
  if (q.is_cpu()) {
    const Clock::time_point begin = Clock::now();
    at::Tensor out = inner_.run(q, k, v, site);
    seconds_ += seconds_since(begin);
    return out;
  }
  c10::Event begin = mark(q.device());
  at::Tensor out = inner_.run(q, k, v, site);
  marks_.push_back({.begin = std::move(begin), .end = mark(q.device())});
  return out;
}

double TimedAttention::seconds() const {
  double sum = seconds_;
  for (const Marks& call : marks_) {
    call.end.synchronize();
    sum += 1e-3 * call.begin.elapsedTime(call.end);
  }
  return sum;
}

}  // namespace twill::jobs
