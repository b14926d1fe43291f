// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/profile.h"

#include <cmath>

#include "checks.h"
#include "facts_json.h"
#include "shortest.h"

namespace twill {
namespace {

void check_count(std::size_t count, std::size_t most, const std::string& path) {
  require(count <= most, ErrorCode::kFile, path, ": ", count, " are more than ", most);
}

template <typename Values>
void check_values(const Values& values, std::size_t expected, const std::string& path) {
  require(values.size() == expected, ErrorCode::kFile, path, ": ", values.size(), " values, not ",
          expected);
  for (std::size_t i = 0; i < values.size(); ++i) {
    require(std::isfinite(values[i]) && values[i] >= 0, ErrorCode::kFile, path, "[", i,
            "]: ", values[i], " is not a finite number of at least 0");
  }
}

}  // namespace

void check_profile_at(const Profile& profile, std::string_view where) {
  const auto path = [&](std::string_view field) { return join_path(where, field); };
  check_model_at(profile.model, path("model"));
  check_layout_at(profile.layout, path("layout"), ErrorCode::kFile);
  require(!profile.candidates.empty(), ErrorCode::kFile, path("candidates"), ": there are none");
  check_count(profile.candidates.size(), kMostPatterns, path("candidates"));
  for (std::size_t i = 0; i < profile.candidates.size(); ++i) {
    check_pattern(profile.candidates[i], concat(path("candidates"), "[", i, "]"));
  }
  require(!profile.t.empty(), ErrorCode::kFile, path("t"), ": there are none");
  check_count(profile.t.size(), kMostTimes, path("t"));
  for (std::size_t i = 0; i < profile.t.size(); ++i) {
    const double t = profile.t[i];
    require(t >= 0.0 && t <= 1.0, ErrorCode::kFile, path("t"), "[", i, "]: ", t,
            " is outside 0..1");
    require(i == 0 || t < profile.t[i - 1], ErrorCode::kFile, path("t"), "[", i, "]: ", t,
            " is not below the one before");
  }
  check_count(profile.prompts.size(), kMostPrompts, path("prompts"));
  check_count(profile.seeds.size(), kMostPrompts, path("seeds"));
  const std::size_t heads = profile.model.experts.size() * profile.heads();
  check_values(profile.head_error, profile.t.size() * heads * profile.candidates.size(),
               path("head_error"));
  check_values(profile.gain, profile.t.size() * heads, path("gain"));
  if (!profile.int8_error.empty()) {
    check_values(profile.int8_error, profile.t.size() * heads, path("int8_error"));
  }
  require(profile.map_size >= 0 && profile.map_size <= kMostMapSize, ErrorCode::kFile, path("maps"),
          ": size ", profile.map_size, " is outside 0..", kMostMapSize);
  const auto map_size = static_cast<std::size_t>(profile.map_size);
  require(profile.maps.size() == heads * map_size * map_size, ErrorCode::kFile, path("maps"), ": ",
          profile.maps.size(), " values, not ", heads * map_size * map_size);
  if (!profile.cost.milliseconds.empty()) {
    check_layout_at(profile.cost.layout, path("cost.layout"), ErrorCode::kFile);
    check_values(profile.cost.milliseconds, profile.candidates.size(), path("cost.milliseconds"));
  }
  check_facts_at(profile, where);
  check_provenance_at(profile.provenance, where);
}

void check_profile_model(const Profile& profile, const ModelShape& model, std::string_view where) {
  try {
    check_same_model(profile.model, model, join_path(where, "model"));
  } catch (const Error& error) {
    throw Error(ErrorCode::kFile, error.what());
  }
}

void check_profile(const Profile& profile) { check_profile_at(profile, "profile"); }

}  // namespace twill
