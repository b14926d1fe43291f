// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A plan's attention for one clip of a session after another.
#pragma once

#include <memory>
#include <optional>

#include "adapting_attention.h"
#include "session.h"
#include "twill/engine/attention.h"

namespace twill::jobs {

class PlanClips {
 public:
  // adapt: the plan is fitted to each clip while the clip is made; otherwise it runs as it is.
  // Throws Error(kUsage) when there is no profile to adapt it with.
  PlanClips(const Session& session, std::shared_ptr<const Plan> plan, bool adapt);

  const Plan& plan() const { return plain_.plan(); }
  // The plan as it is.
  engine::PlanAttention& as_it_is() { return plain_; }
  // For the next clip, from its first step on.
  engine::SelfAttention& begin();
  // Both are about the clip that begin() was called for.
  double density() const { return adapting_ ? adapting_->density() : density_; }
  report::AttentionUse use() const;

 private:
  const Session& session_;
  engine::PlanAttention plain_;
  double density_ = 1.0;  // of plain_
  bool adapt_ = false;
  std::optional<AdaptingAttention> adapting_;
};

}  // namespace twill::jobs
