// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A plan's attention for one clip of a session after another.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "adapting_attention.h"
#include "session.h"
#include "twill/engine/attention.h"

namespace twill::jobs {

class PlanClips {
 public:
  // adapt: the plan is fitted to each clip while the clip is made; otherwise it runs as it is.
  // Throws Error(kUsage) when there is no profile to adapt it with.
  PlanClips(const Session& session, std::shared_ptr<const Plan> plan, bool adapt);

  const Plan& plan() const { return *plan_; }
  // The plan as it is, for clips of that prompt.
  engine::PlanAttention& as_it_is(const EncodedPrompt& prompt);
  // For the next clip, of that prompt, from its first step on.
  engine::SelfAttention& begin(const EncodedPrompt& prompt);
  // Both are about the clip that begin() was called for.
  double density() const { return adapting_ ? adapting_->density() : density_; }
  report::AttentionUse use() const;

 private:
  const Session& session_;
  std::shared_ptr<const Plan> plan_;
  std::vector<TokenLayout> layouts_;  // that plain_ is compiled for
  std::optional<engine::PlanAttention> plain_;
  double density_ = 1.0;  // of plain_
  bool adapt_ = false;
  std::optional<AdaptingAttention> adapting_;
};

// Density of the session's clips of that prompt, over all their forwards. `attention` is compiled
// for the prompt's layouts.
double clip_density(const engine::PlanAttention& attention, const Session& session,
                    const EncodedPrompt& prompt);

}  // namespace twill::jobs
