// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/forwards.h"

#include <algorithm>

#include "twill/plan/error.h"

namespace twill::search {

std::vector<Forward> forwards_at(const std::vector<double>& t) {
  std::vector<Forward> forwards;
  for (const double time : t) {
    check_t(time);
    forwards.push_back({.t = std::clamp(time, 0.0, 1.0)});
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
    const double here = forwards[i].t;
    if (i + 1 < t.size() && here != forwards[i + 1].t) {
      below = forwards[i + 1].t;
    }
    forwards[i].weight = (here - below) * (here - below);
    sum += forwards[i].weight;
  }
  for (Forward& forward : forwards) {
    forward.weight *= sum > 0.0 ? static_cast<double>(t.size()) / sum : 0.0;
  }
  return forwards;
}

std::vector<Forward> forwards_of_run(const Profile& profile, const std::vector<double>& t,
                                     std::optional<double> boundary) {
  return forwards_of_run(t, experts_at(profile, t, boundary));
}

}  // namespace twill::search
