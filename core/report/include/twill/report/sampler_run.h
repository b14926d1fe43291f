// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The steps of a run: what was asked for, and what plans and profiles tell.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "twill/plan/profile.h"
#include "twill/plan/token_layout.h"
#include "twill/search/forwards.h"
#include "twill/search/solved_for.h"

namespace twill::report {

// The run that a plan's figures are for; what is left empty is as the plan was solved for, or as
// its profile was measured.
struct RunOptions {
  std::optional<std::string> sampler;
  std::optional<std::int32_t> steps;
  std::optional<double> shift;
  std::optional<TokenLayout> layout;
  // Of models with two experts: the first runs where t is at least this, the second below it.
  std::optional<double> expert_boundary;
};

// "13x16x16": frames, rows and columns of tokens. Throws Error(kUsage).
TokenLayout parse_layout(const std::string& text);

struct SamplerRun {
  std::string sampler;  // kOtherSampler where its name is not known
  std::optional<std::string> scheduler = {};
  std::int32_t steps = 0;
  double shift = 0.0;                     // 0: there is none
  std::vector<double> t;                  // of every step
  std::vector<std::int32_t> expert = {};  // [t], or empty: as the profile says
  std::vector<double> weight = {};        // [t], or empty: as t say
};
inline constexpr std::string_view kOtherSampler = "another sampler";

std::vector<search::Forward> forwards_of(const Profile& profile, const SamplerRun& run,
                                         std::optional<double> boundary = {});

// What is asked for, else what is kept of a plan or profile. t that are kept are the run's, unless
// other steps, another shift or another sampler are asked for. Throws Error(kFile) naming `file`
// when nobody says it; Error(kUsage) for what no run can have, and for other steps of a sampler or
// scheduler whose times are not known here.
SamplerRun sampler_run(const RunOptions& asked, const search::SolvedFor& kept,
                       const std::filesystem::path& file);

}  // namespace twill::report
