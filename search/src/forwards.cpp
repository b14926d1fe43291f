// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/forwards.h"

#include <charconv>

#include "twill/plan/error.h"

namespace twill::search {

std::vector<Forward> forwards_at(const std::vector<double>& t) {
  std::vector<Forward> forwards;
  for (const double time : t) {
    forwards.push_back({.t = time});
  }
  return forwards;
}

std::vector<Forward> forwards_of_run(const std::vector<double>& t,
                                     const std::vector<std::int32_t>& expert_at) {
  require(expert_at.empty() || expert_at.size() == t.size(), ErrorCode::kUsage,
          "expert_at: ", expert_at.size(), " experts for ", t.size(), " forwards");
  std::vector<Forward> forwards = forwards_at(t);
  for (std::size_t i = 0; i < expert_at.size(); ++i) {
    forwards[i].expert = expert_at[i];
  }
  double sum = 0.0;
  double below = 0.0;  // the next lower t
  for (std::size_t i = t.size(); i-- > 0;) {
    if (i + 1 < t.size() && t[i] != t[i + 1]) {
      below = t[i + 1];
    }
    forwards[i].weight = (t[i] - below) * (t[i] - below);
    sum += forwards[i].weight;
  }
  for (Forward& forward : forwards) {
    forward.weight *= sum > 0.0 ? static_cast<double>(t.size()) / sum : 0.0;
  }
  return forwards;
}

std::optional<double> expert_boundary(const Profile& profile) {
  const auto found = profile.provenance.find(kExpertBoundaryKey);
  if (found == profile.provenance.end()) {
    return {};
  }
  const std::string& text = found->second;
  double value = -1.0;
  const auto [end, trouble] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(
      trouble == std::errc() && end == text.data() + text.size() && value >= 0.0 && value <= 1.0,
      ErrorCode::kFile, "the profile's ", kExpertBoundaryKey, " \"", text,
      "\" is not a number within 0..1");
  return value;
}

std::vector<Forward> forwards_of_run(const Profile& profile, const std::vector<double>& t,
                                     std::optional<double> boundary) {
  const std::size_t experts = profile.model.experts.size();
  std::vector<std::int32_t> expert_at;
  if (experts > 1) {
    boundary = boundary ? boundary : expert_boundary(profile);
    require(experts == 2, ErrorCode::kUsage, "a model with ", experts,
            " experts: no more than two are known to share a run");
    require(boundary.has_value(), ErrorCode::kUsage,
            "the profile is of a model with two experts and does not say below which t the second "
            "one runs (",
            kExpertBoundaryKey, ")");
    for (const double time : t) {
      expert_at.push_back(time < *boundary ? 1 : 0);
    }
  }
  return forwards_of_run(t, expert_at);
}

}  // namespace twill::search
