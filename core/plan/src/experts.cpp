// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/experts.h"

#include <charconv>
#include <map>
#include <numeric>
#include <string>

#include "twill/plan/error.h"
#include "twill/plan/plan_facts.h"
#include "twill/plan/profile.h"

namespace twill {
namespace {

std::optional<double> boundary_in(const std::map<std::string, std::string>& provenance,
                                  const char* whose) {
  const auto found = provenance.find(kExpertBoundaryKey);
  if (found == provenance.end()) {
    return {};
  }
  const std::string& text = found->second;
  double value = -1.0;
  const auto [end, trouble] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(
      trouble == std::errc() && end == text.data() + text.size() && value >= 0.0 && value <= 1.0,
      ErrorCode::kFile, "the ", whose, "'s ", kExpertBoundaryKey, " \"", text,
      "\" is not a number within 0..1");
  return value;
}

std::vector<std::int32_t> of_two(const ModelShape& model, std::optional<double> boundary,
                                 const std::vector<double>& t, const char* whose) {
  require(model.experts.size() == 2, ErrorCode::kUsage, "a model with ", model.experts.size(),
          " experts: no more than two are known to share a run");
  require(boundary.has_value(), ErrorCode::kUsage, "the ", whose,
          " is of a model with two experts and does not say below which t the second one runs (",
          kExpertBoundaryKey, ")");
  check_t(*boundary);
  std::vector<std::int32_t> experts;
  for (const double time : t) {
    experts.push_back(time < *boundary ? 1 : 0);
  }
  return experts;
}

}  // namespace

std::optional<double> expert_boundary(const Profile& profile) {
  return has_facts(profile) ? profile.expert_boundary : boundary_in(profile.provenance, "profile");
}

std::optional<double> expert_boundary(const Plan& plan) {
  const std::optional<double> own =
      has_facts(plan) ? plan.expert_boundary : boundary_in(plan.provenance, "plan");
  return own || !plan.profile ? own : expert_boundary(*plan.profile);
}

std::vector<std::int32_t> experts_at(const Plan& plan, const std::vector<double>& t) {
  return plan.model.experts.size() == 1 ? std::vector<std::int32_t>(t.size(), 0)
                                        : of_two(plan.model, expert_boundary(plan), t, "plan");
}

std::vector<std::int32_t> experts_at(const Profile& profile, const std::vector<double>& t,
                                     std::optional<double> boundary) {
  if (profile.model.experts.size() == 1) {
    return std::vector<std::int32_t>(t.size(), 0);
  }
  return of_two(profile.model, boundary ? boundary : expert_boundary(profile), t, "profile");
}

std::vector<std::int32_t> experts_within(const Plan& plan, double t_begin, double t_end) {
  const std::optional<double> boundary =
      plan.model.experts.size() == 2 ? expert_boundary(plan) : std::nullopt;
  if (!boundary) {
    std::vector<std::int32_t> all(plan.model.experts.size());
    std::iota(all.begin(), all.end(), 0);
    return all;
  }
  std::vector<std::int32_t> experts;
  if (t_end > *boundary) {
    experts.push_back(0);
  }
  if (t_begin < *boundary) {
    experts.push_back(1);
  }
  return experts;
}

}  // namespace twill
