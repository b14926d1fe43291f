// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Small questions about a plan and its model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "twill/plan/plan.h"

namespace twill {

// Where a head of an expert stands.
struct HeadSite {
  std::size_t stack = 0;
  std::int32_t layer = 0, head = 0;
  friend bool operator==(const HeadSite&, const HeadSite&) = default;
};
// The inverse of head_index(). Throws Error(kModel) if outside.
HeadSite head_site(const ModelShape& model, std::size_t head);

// "blocks.3 head 1", after the expert's name where there are several. head: head_index().
std::string head_label(const ModelShape& model, std::size_t expert, std::size_t head);

// A head's pattern in a segment; dense where the segment is.
const Pattern& pattern_at(const Plan& plan, std::size_t segment, std::size_t expert,
                          std::size_t head);

// Whether a pattern computes products of queries and keys.
bool has_keys(PatternKind kind);
// What these are computed in, of a head in a segment; bf16 where the segment is dense or the head
// has no keys.
Precision precision_at(const Plan& plan, std::size_t segment, std::size_t expert, std::size_t head);
// "diagonal 0.5 frames, int8": the head's pattern, and its precision where that is not bf16.
std::string describe_head(const Plan& plan, std::size_t segment, std::size_t expert,
                          std::size_t head);

// Heads x segments that are not dense, by what computes them. A dense segment is computed as dense
// attention is without a plan, and `mean` and `skip` heads compute nothing.
struct PrecisionCounts {
  std::int64_t with_keys = 0;
  std::int64_t int8 = 0;
};
PrecisionCounts precision_counts(const Plan& plan);
// "int8: 12 of 48 heads"; empty for a plan without such heads.
std::string describe(const PrecisionCounts& counts);

// The longest segment that is not dense; the first when all are.
std::size_t widest_segment(const Plan& plan);

// 16 hexadecimal digits that tell the plan's file without its profile from other plans': they name
// what is kept of clips that were made by it. Names, not security.
std::string fingerprint(const Plan& plan);
// The same of what the plan does at these t (one or more, in any order): plans that differ in their
// words, in patterns that no head has or in bounds between two of the t have it in common.
std::string fingerprint_at(const Plan& plan, std::vector<double> t);

}  // namespace twill
