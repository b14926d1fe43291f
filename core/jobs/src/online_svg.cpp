// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "online_svg.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

std::shared_ptr<const Plan> plan_of(const ModelShape& model, const Pattern& pattern) {
  auto plan = std::make_shared<Plan>();
  plan->name = "one pattern";
  plan->model = model;
  plan->patterns = {pattern};
  Segment segment{.t_begin = 0.0, .t_end = 1.0};
  segment.heads.assign(model.experts.size(),
                       std::vector<HeadPlan>(static_cast<std::size_t>(model.heads_total())));
  plan->segments = {segment};
  check_plan(*plan);
  return plan;
}

// Mean square over the rows, [batch, heads].
at::Tensor error_of(const at::Tensor& out, const at::Tensor& rows, const at::Tensor& reference) {
  return (out.index_select(2, rows).to(at::kFloat) - reference).square().mean({2, 3});
}

}  // namespace

OnlineSvg::OnlineSvg(const Options& options)
    : options_(options),
      spatial_(plan_of(options.model, options.spatial), options.layouts, options.threads),
      temporal_(plan_of(options.model, options.temporal), options.layouts, options.threads) {}

at::Tensor OnlineSvg::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const engine::AttentionSite& site) {
  const auto heads = static_cast<double>(q.size(0) * q.size(1));
  if (site.layer < options_.dense_first_layers ||
      std::ranges::find(options_.dense_t, site.t) != options_.dense_t.end()) {
    count(heads, heads);
    return dense_.run(q, k, v, site);
  }
  const at::Tensor spatial = spatial_.run(q, k, v, site);
  const at::Tensor temporal = temporal_.run(q, k, v, site);
  const std::int64_t sampled = std::min(options_.rows, q.size(2));
  const at::Tensor rows =
      at::arange(sampled, at::kLong).mul(q.size(2)).div(sampled, "floor").to(q.device());
  const at::Tensor scores =
      at::matmul(q.index_select(2, rows).to(at::kFloat), k.to(at::kFloat).transpose(2, 3));
  const at::Tensor reference = at::matmul(
      at::softmax(scores / std::sqrt(static_cast<double>(q.size(3))), 3), v.to(at::kFloat));
  const at::Tensor is_temporal =
      error_of(temporal, rows, reference) < error_of(spatial, rows, reference);
  for (const auto& [reason, calls] : spatial_.counts().fallback) {
    throw Error(ErrorCode::kUnsupported,
                concat("online choice: ", calls, " attention calls ran dense: ", reason));
  }
  const auto many = static_cast<double>(is_temporal.sum().item<std::int64_t>());
  const TokenLayout& layout = site.layout != nullptr ? *site.layout : options_.layouts.front();
  count(many * temporal_.compiled_for(layout)->density(0, site.expert) +
            (heads - many) * spatial_.compiled_for(layout)->density(0, site.expert),
        heads);
  return at::where(is_temporal.unsqueeze(2).unsqueeze(3), temporal, spatial);
}

}  // namespace twill::jobs
