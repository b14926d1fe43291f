// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Edits as functions from plan to plan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "twill/plan/plan.h"
#include "twill/plan/plan_view.h"

namespace twill::gui {

struct HeadRef {
  std::size_t expert = 0;
  std::size_t head = 0;  // flat over the stacks, see head_index
  friend auto operator<=>(const HeadRef&, const HeadRef&) = default;
};

inline const Pattern& pattern_of(const Plan& plan, std::size_t segment, const HeadRef& head) {
  return pattern_at(plan, segment, head.expert, head.head);
}

// A dense segment that is given patterns stops being dense: its other heads become dense heads.
Plan with_pattern(Plan plan, const std::vector<std::size_t>& segments,
                  const std::vector<HeadRef>& heads, const Pattern& pattern);
Plan with_precision(Plan plan, const std::vector<std::size_t>& segments,
                    const std::vector<HeadRef>& heads, Precision precision);
// A segment made sparse again takes the patterns of the nearest sparse segment, else dense ones.
Plan with_segment_dense(Plan plan, std::size_t segment, bool dense);
// Two segments out of one, with the same patterns. Throws Error(kUsage) unless `at` is inside.
Plan with_segment_split(Plan plan, std::size_t segment, double at);
// The segment takes in the one that follows it in a run (of smaller t), which loses its patterns;
// its index is one less then. Throws Error(kUsage) for the last of a run.
Plan with_segments_joined(Plan plan, std::size_t segment);

// Heads that the slider leaves alone. They stand in the plan, so that they are kept in files and
// undone like any edit.
std::set<HeadRef> fixed_heads(const Plan& plan);
// Fixing gives the head the pattern and precision that it has in `segment` in every sparse segment:
// the solver knows one of each for a fixed head.
Plan with_fixed(Plan plan, const std::vector<HeadRef>& heads, bool fixed, std::size_t segment);

// Drops patterns that no head has any more; the others keep their order.
Plan without_unused_patterns(Plan plan);

}  // namespace twill::gui
