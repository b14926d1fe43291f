// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Looking at plans: what they hold, what differs between two, whether one fits a model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "twill/plan/plan.h"
#include "twill/plan/token_layout.h"

namespace twill::jobs {

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
  std::vector<SegmentSummary> segments;
  std::optional<TokenLayout> layout;  // given, else that of solving, else the profile's
  bool has_profile = false;
  bool experts_known = true;                      // which of them runs at a t
  std::map<std::string, std::string> provenance;  // with the typed facts (shown_facts())
};

PlanSummary summarise(const Plan& plan, const std::optional<TokenLayout>& layout);
std::string describe(const PlanSummary& summary);
std::string to_json(const PlanSummary& summary);

// One head that two plans treat differently in (t_begin, t_end].
struct HeadDifference {
  double t_begin = 0.0;
  double t_end = 1.0;
  std::string head;  // "default blocks.3 head 1"
  std::string before;
  std::string after;
};
// Throws Error(kModel) when the plans are for different models.
std::vector<HeadDifference> differences(const Plan& before, const Plan& after);
std::string to_json(const std::vector<HeadDifference>& differences);

// The layer x head picture of the plan's widest sparse segment (see heads_picture.h) as a PNG file.
// Throws Error(kModel) when the plan holds no attention maps.
void write_heads_picture(const Plan& plan, const std::filesystem::path& file);

// Throws Error(kModel) saying what differs; loads the model.
void check_plan_for_model(const std::filesystem::path& plan, const std::filesystem::path& model);

// "13x16x16": frames, rows and columns of tokens. Throws Error(kUsage).
TokenLayout parse_layout(const std::string& text);

}  // namespace twill::jobs
