// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a plan holds, segment by segment.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "twill/plan/plan.h"
#include "twill/plan/plan_view.h"
#include "twill/plan/token_layout.h"

namespace twill::report {

// A forward runs one expert.
struct ExpertSummary {
  std::string name;
  std::map<std::string, std::int64_t> heads;  // by pattern name
  std::optional<double> density;              // of one forward, at the layout
};

struct SegmentSummary {
  double t_begin = 0.0;
  double t_end = 1.0;
  bool dense = false;
  std::vector<ExpertSummary> experts;  // that run inside the segment (experts_within)
};

struct PlanSummary {
  std::string name;
  ModelShape model;
  std::size_t patterns = 0;
  PrecisionCounts precision;
  std::vector<SegmentSummary> segments;
  std::optional<TokenLayout> layout;  // given, else that of solving, else the profile's
  bool has_profile = false;
  bool experts_known = true;                      // which of them runs at a t
  std::map<std::string, std::string> provenance;  // with the typed facts (shown_facts())
};

PlanSummary summarise(const Plan& plan, const std::optional<TokenLayout>& layout);
std::string describe(const PlanSummary& summary);
std::string to_json(const PlanSummary& summary);

}  // namespace twill::report
