// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan_clips.h"

#include "twill/plan/compile.h"
#include "twill/plan/error.h"

namespace twill::jobs {

PlanClips::PlanClips(const Session& session, std::shared_ptr<const Plan> plan, bool adapt)
    : session_(session), plan_(std::move(plan)), adapt_(adapt) {
  if (adapt_) {
    check_can_adapt(*plan_);
  }
}

engine::PlanAttention& PlanClips::as_it_is(const EncodedPrompt& prompt) {
  if (!plain_ || layouts_ != prompt.layouts) {
    layouts_ = prompt.layouts;
    plain_.emplace(plan_, layouts_, session_.clip().threads);
    density_ = clip_density(*plain_, session_, prompt);
  }
  return *plain_;
}

engine::SelfAttention& PlanClips::begin(const EncodedPrompt& prompt) {
  engine::PlanAttention& plain = as_it_is(prompt);
  if (adapt_) {
    const TokenLayout layout = session_.only_layout({prompt}, "a plan that adapts to the clip");
    return adapting_.emplace(session_, layout, *plan_, density_);
  }
  plain.reset_counts();
  return plain;
}

report::AttentionUse PlanClips::use() const {
  return attention_use(adapting_ ? adapting_->counts() : plain_->counts());
}

double clip_density(const engine::PlanAttention& attention, const Session& session,
                    const EncodedPrompt& prompt) {
  const auto density_at = [&](const TokenLayout& layout) {
    const CompiledPlan* compiled = attention.compiled_for(layout);
    TWILL_ASSERT(compiled != nullptr);
    return run_density(*compiled, attention.plan(), session.forward_t(),
                       session.experts_at(session.forward_t()));
  };
  if (prompt.layouts.size() == 1) {
    return density_at(prompt.layouts.front());
  }
  // Each branch runs at every step, and has its own number of cells.
  double kept = 0.0;
  double all = 0.0;
  for (const TokenLayout& layout : prompt.layouts) {
    const auto cells = static_cast<double>(dense_tiles(layout));
    kept += density_at(layout) * cells;
    all += cells;
  }
  return kept / all;
}

}  // namespace twill::jobs
