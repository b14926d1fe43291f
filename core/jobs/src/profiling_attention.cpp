// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "profiling_attention.h"

#include <ATen/ATen.h>

#include <vector>

#include "head_gain.h"
#include "meter.h"
#include "timed_attention.h"
#include "twill/plan/error.h"

namespace twill::jobs {
void ProfilingAttention::watch(std::int32_t t_index, std::int32_t prompt) {
  unit_ = {.t_index = t_index, .prompt = prompt, .rows = profiler_.rows(t_index, prompt)};
}

void ProfilingAttention::finish() {
  TWILL_ASSERT(unit_.has_value());
  unit_.reset();
}

at::Tensor ProfilingAttention::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                   const engine::AttentionSite& site) {
  at::Tensor out = inner_.run(q, k, v, site);
  if (!unit_) {
    return out;
  }
  synchronise(q.device());  // what is still queued is the forward's, not the profile's
  const Clock::time_point begin = Clock::now();
  const GainSums sums = head_gains(out, site);
  std::vector<double> gain;
  for (const double head : sums.head) {
    gain.push_back(head / sums.residual);
  }
  const search::CallSite where{.t_index = unit_->t_index,
                               .prompt = unit_->prompt,
                               .expert = site.expert,
                               .stack = site.stack,
                               .layer = site.layer,
                               .branch = unit_->visits[{site.stack, site.layer}]++};
  const ShownCall shown = measurer_.show(q, k, v, unit_->rows);
  std::visit([&](const auto& call) { profiler_.observe(where, call.view(), gain); }, shown);
  measured_on_.insert(jobs::measured_on(shown, q.device()));
  seconds_ += seconds_since(begin);
  return out;
}

}  // namespace twill::jobs
