// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Attention by a plan that is fitted to the clip while the clip is made.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "call_measurer.h"
#include "session.h"
#include "twill/engine/attention.h"
#include "twill/search/adaptive_run.h"

namespace twill::jobs {

// Throws Error(kUsage) naming the plan when it holds no profile to adapt it with.
void check_can_adapt(const Plan& plan);

// For a run whose forwards stand at `forward_t`; the density of the run is what it will have.
// The plan holds a profile.
search::SolveRequest adapting_request(const Plan& plan, const std::vector<double>& forward_t,
                                      const TokenLayout& layout, double density);

// One clip of the session. The density of the run is what `plan` would have had; its segments are
// at most as many as a search gives.
class AdaptingAttention final : public engine::SelfAttention {
 public:
  // layout: of all its forwards.
  AdaptingAttention(const Session& session, const TokenLayout& layout, const Plan& plan,
                    double density)
      : session_(session), layout_(layout), request_density_(density), plan_(plan) {}

  // Calls come step by step in the order of the session's t.
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const engine::AttentionSite& site) override;

  // After the clip's first call.
  double density() const { return run_->density(); }
  engine::AttentionCounts counts() const;

 private:
  void compile();

  const Session& session_;
  TokenLayout layout_;
  double request_density_ = 1.0;
  const Plan& plan_;
  // Made at the first call, so that the clock of the denoising loop counts what it costs.
  std::optional<search::AdaptiveRun> run_;
  std::unique_ptr<CallMeasurer> measurer_;
  std::optional<engine::PlanAttention> sparse_;
  engine::AttentionCounts before_;  // of the plans that are no longer in use
  std::optional<double> t_;         // of the step that runs
  std::map<std::pair<std::int32_t, std::int32_t>, std::int32_t> visits_;  // by stack and layer
};

}  // namespace twill::jobs
