// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "adapting_attention.h"

#include "twill/jobs/search.h"
#include "twill/plan/error.h"
#include "twill/search/calibration.h"

namespace twill::jobs {
search::SolveRequest adapting_request(const Plan& plan, const std::vector<double>& forward_t,
                                      const TokenLayout& layout, double density) {
  return {.forwards = search::forwards_of_run(*plan.profile, forward_t),
          .budget = density,
          .layout = layout,
          .weight = search::time_weight_of(*plan.profile),
          .max_segments = SolveOptions{}.segments,
          .int8_error_share = search::int8_error_share_of(plan),
          .name = plan.name};
}

void check_can_adapt(const Plan& plan) {
  require(plan.profile != nullptr, ErrorCode::kUsage, "the plan \"", plan.name,
          "\" holds no profile to adapt it with");
}

void AdaptingAttention::compile() {
  if (sparse_) {
    before_ += sparse_->counts();
  }
  sparse_.emplace(run_->plan(), layout_, session_.clip().threads);
}

engine::AttentionCounts AdaptingAttention::counts() const {
  engine::AttentionCounts sum = before_;
  sum += sparse_->counts();
  return sum;
}

at::Tensor AdaptingAttention::run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const engine::AttentionSite& site) {
  if (!run_) {
    run_.emplace(plan_.profile,
                 adapting_request(plan_, session_.forward_t(), layout_, request_density_),
                 session_.clip().threads, session_.control().stop);
    measurer_ = session_.measurer(measuring_task(*run_, layout_.tokens()));
    compile();
  }
  if (t_ && site.t != *t_ && run_->finish_step()) {
    compile();
  }
  if (!t_ || site.t != *t_) {
    t_ = site.t;
    visits_.clear();
  }
  if (run_->measuring()) {
    const search::CallSite where{.expert = site.expert,
                                 .stack = site.stack,
                                 .layer = site.layer,
                                 .branch = visits_[{site.stack, site.layer}]++};
    std::visit([&](const auto& call) { run_->observe(where, call.view()); },
               measurer_->show(q, k, v, run_->rows()));
  }
  return sparse_->run(q, k, v, site);
}

}  // namespace twill::jobs
