// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/sampler_run.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "twill/plan/error.h"
#include "twill/plan/sampler_times.h"
#include "twill/report/clip_settings.h"

namespace twill::report {
namespace {

// Whether the kept t are those that the sampler of that name has here. ComfyUI rounds the t of its
// "simple" schedule to thousandths before the shift, which is no other schedule.
bool is_ours(const search::SolvedFor& kept, const std::string& sampler) {
  if (std::ranges::count(sampler_names(), sampler) == 0) {
    return false;
  }
  if (!kept.scheduler) {
    return true;
  }
  if (!kept.shift || kept.t.empty()) {
    return false;
  }
  constexpr double kRounding = 5e-3;
  const std::vector<double> ours =
      sampler_t(sampler, static_cast<std::int32_t>(kept.t.size()), *kept.shift);
  return std::ranges::equal(kept.t, ours,
                            [](double a, double b) { return std::abs(a - b) <= kRounding; });
}

// What is asked for of a run is as it is kept.
template <typename Value>
bool as_kept(const std::optional<Value>& asked, const std::optional<Value>& kept) {
  return !asked || asked == kept;
}

}  // namespace

TokenLayout parse_layout(const std::string& text) {
  TokenLayout layout;
  char rest = '\0';
  require(std::sscanf(text.c_str(), "%5dx%5dx%5d%c", &layout.frames, &layout.rows, &layout.cols,
                      &rest) == 3,
          ErrorCode::kUsage, "layout \"", text,
          "\" is not FRAMESxROWSxCOLUMNS in tokens, such as 13x16x16");
  check_layout(layout);
  return layout;
}

std::vector<search::Forward> forwards_of(const Profile& profile, const SamplerRun& run,
                                         std::optional<double> boundary) {
  return search::forwards_of_run(
      profile, search::SolvedFor{.t = run.t, .expert = run.expert, .weight = run.weight}, boundary);
}

SamplerRun sampler_run(const RunOptions& asked, const search::SolvedFor& kept,
                       const std::filesystem::path& file) {
  const bool same = kept.typed
                        ? as_kept(asked.sampler, kept.sampler) &&
                              as_kept(asked.steps, kept.steps) && as_kept(asked.shift, kept.shift)
                        : !asked.sampler && !asked.steps && !asked.shift;
  if (!kept.t.empty() && same) {
    return {.sampler = kept.sampler.value_or(std::string(kOtherSampler)),
            .scheduler = kept.scheduler,
            .steps = static_cast<std::int32_t>(kept.t.size()),
            .shift = kept.shift.value_or(0.0),
            .t = kept.t,
            .expert = kept.expert,
            .weight = kept.weight};
  }
  const std::string sampler =
      kept.sampler.value_or(kept.typed ? std::string(kOtherSampler) : "euler");
  require(!kept.typed || asked.sampler || is_ours(kept, sampler), ErrorCode::kUsage, file.string(),
          ": was measured in ", kept.steps.value_or(0), " steps of ",
          kept.sampler ? concat("the sampler \"", sampler, "\"") : sampler,
          kept.scheduler ? concat(" with the scheduler \"", *kept.scheduler, "\"") : "",
          ", whose times for ", asked.steps ? concat(*asked.steps, " steps") : "another shift",
          " are not known here; leave --", asked.steps ? "steps" : "shift",
          " out, or name one of our samplers by --sampler");
  const auto said = [&](const auto& told, const auto& remembered, const char* what) {
    require(told || remembered, ErrorCode::kFile, file.string(),
            ": the profile does not say for which ", what, " it was measured; give it");
    return told ? *told : *remembered;
  };
  SamplerRun run{.sampler = asked.sampler.value_or(sampler),
                 .steps = said(asked.steps, kept.steps, "steps"),
                 .shift = said(asked.shift, kept.shift, "shift")};
  require(asked.sampler || std::ranges::count(sampler_names(), run.sampler) > 0, ErrorCode::kUsage,
          file.string(), ": was measured with the sampler \"", run.sampler,
          "\", which is none of ours; name one by --sampler");
  check_clip_settings({.steps = run.steps, .shift = run.shift, .sampler = run.sampler});
  run.t = sampler_t(run.sampler, run.steps, run.shift);
  return run;
}

}  // namespace twill::report
