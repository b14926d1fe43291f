// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/profiled_run.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "session.h"
#include "solving.h"
#include "twill/plan/error.h"
#include "twill/search/calibration.h"

namespace twill::jobs {
namespace {

constexpr double kMostSteps = 1000;

std::optional<double> number_of(const Profile& profile, const char* key) {
  const auto found = profile.provenance.find(key);
  if (found == profile.provenance.end()) {
    return {};
  }
  const std::string& text = found->second;
  double value = 0.0;
  const auto [end, trouble] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(trouble == std::errc() && end == text.data() + text.size() && std::isfinite(value) &&
              value > 0.0,
          ErrorCode::kFile, "the profile's ", key, " \"", text, "\" is not a positive number");
  return value;
}

}  // namespace

ProfiledRun profiled_run(const Profile& profile) {
  ProfiledRun run{.weight = search::time_weight_of(profile)};
  const std::optional<double> steps = number_of(profile, kStepsKey);
  const std::optional<double> shift = number_of(profile, kShiftKey);
  const TokenLayout& layout = profile.layout;
  const std::string grid = concat(layout.frames, "x", layout.rows, "x", layout.cols, " tokens");
  if (!steps || !shift) {
    run.forwards = search::forwards_of_run(profile, profile.t);
    run.description = concat("one forward at each of ", profile.t.size(), " profiled t, ", grid);
    return run;
  }
  require(*steps <= kMostSteps && *steps == std::floor(*steps), ErrorCode::kFile,
          "the profile's steps ", *steps, " is not a whole number up to ", kMostSteps);
  const auto found = profile.provenance.find(kSamplerKey);
  const std::string sampler = found == profile.provenance.end() ? "euler" : found->second;
  run.forwards = search::forwards_of_run(
      profile, sampler_t(sampler, static_cast<std::int32_t>(*steps), *shift));
  run.description = concat(*steps, " steps of ", sampler, ", shift ", *shift, ", ", grid);
  return run;
}

}  // namespace twill::jobs
