// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Whether a plan took part in a run, and why not.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "twill/plan/plan.h"

namespace twill::report {

// What became of the attention calls of a clip.
struct AttentionUse {
  std::int64_t sparse_calls = 0;
  std::int64_t planned_dense_calls = 0;
  std::map<std::string, std::int64_t> fallbacks;  // dense against the plan, by reason
};
void add(AttentionUse& sum, const AttentionUse& use);

// Whether any call ran by the plan; true where none was counted.
bool took_part(const AttentionUse& use);
// One sentence for a run in which the plan took no part: none of its calls was sparse, so that
// neither speed nor quality is the plan's doing. Empty when it took part. step_t: t of every step.
std::string why_no_part(const Plan& plan, const std::vector<double>& step_t,
                        const AttentionUse& use, bool adapted);

}  // namespace twill::report
