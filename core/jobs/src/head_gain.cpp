// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "head_gain.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "twill/plan/error.h"

namespace twill::jobs {

GainSums head_gains(const at::Tensor& out, const engine::AttentionSite& site,
                    std::int64_t samples) {
  TWILL_ASSERT(site.output_weight && site.gate != nullptr && site.residual != nullptr &&
               out.size(0) == 1);
  const std::int64_t heads = out.size(1);
  const std::int64_t tokens = out.size(2);
  const std::int64_t head_dim = out.size(3);
  const std::int64_t count = std::min(samples, tokens);
  // The middles of `count` equal stretches.
  const at::Tensor index =
      (2 * at::arange(count, at::kLong) + 1).mul_(tokens).div_(2 * count, "floor").to(out.device());
  const at::Tensor rows = out[0].index_select(1, index).to(at::kFloat);
  const at::Tensor weight = site.output_weight().to(at::kFloat);
  const std::int64_t groups = site.gate->size(0);
  TWILL_ASSERT(site.gate->dim() == 2 && tokens % groups == 0);
  const at::Tensor gates = site.gate->to(at::kFloat);
  const at::Tensor gate =
      groups == 1 ? gates : gates.index_select(0, index.div(tokens / groups, "floor"));
  std::vector<at::Tensor> squares;  // of each head, then of the residual
  for (std::int64_t head = 0; head < heads; ++head) {
    const at::Tensor added =
        at::mm(rows[head], weight.narrow(1, head * head_dim, head_dim).t()) * gate;
    squares.push_back(added.square().sum(at::kDouble));
  }
  squares.push_back(
      (*site.residual)[0].index_select(0, index).to(at::kFloat).square().sum(at::kDouble));
  const at::Tensor all = at::stack(squares).to(at::kCPU);  // waits for a device once
  const double* values = all.const_data_ptr<double>();
  return {.head = {values, values + heads}, .residual = values[heads]};
}

}  // namespace twill::jobs
