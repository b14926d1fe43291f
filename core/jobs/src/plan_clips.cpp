// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan_clips.h"

#include "twill/plan/compile.h"

namespace twill::jobs {

PlanClips::PlanClips(const Session& session, std::shared_ptr<const Plan> plan, bool adapt)
    : session_(session),
      plain_(std::move(plan), session.layout(), session.clip().threads),
      density_(run_density(plain_.compiled(), plain_.plan(), session.forward_t())),
      adapt_(adapt) {
  if (adapt_) {
    check_can_adapt(plain_.plan());
  }
}

engine::SelfAttention& PlanClips::begin() {
  if (adapt_) {
    return adapting_.emplace(session_, plain_.plan(), density_);
  }
  plain_.reset_counts();
  return plain_;
}

report::AttentionUse PlanClips::use() const {
  return attention_use(adapting_ ? adapting_->counts() : plain_.counts());
}

}  // namespace twill::jobs
