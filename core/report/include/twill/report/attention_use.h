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
  // Heads of the calls by segments that are not dense: those with keys, those computed in INT8, and
  // by reason those that the plan wants in INT8 and that were not.
  std::int64_t heads_with_keys = 0;
  std::int64_t int8_heads = 0;
  std::map<std::string, std::int64_t> not_int8;
};
void add(AttentionUse& sum, const AttentionUse& use);

// "int8: 120 of 480 heads", counted call by call, and what was in the way of others; empty for a
// plan without heads in INT8.
std::string precision_text(const AttentionUse& use);

// Whether any call ran by the plan; true where none was counted.
bool took_part(const AttentionUse& use);
// One sentence for a run in which the plan took no part: none of its calls was sparse, so that
// neither speed nor quality is the plan's doing. Empty when it took part. step_t: t of every step.
std::string why_no_part(const Plan& plan, const std::vector<double>& step_t,
                        const AttentionUse& use, bool adapted);

}  // namespace twill::report
