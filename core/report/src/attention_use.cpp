// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/attention_use.h"

#include <algorithm>
#include <cstdio>

#include "twill/plan/error.h"

namespace twill::report {
namespace {

std::string short_t(double t) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", t);
  return text;
}

// The sparse segments from the lowest to the highest, as one stretch of t.
struct Stretch {
  double begin = 1.0;
  double end = 0.0;
};

Stretch sparse_stretch(const Plan& plan) {
  Stretch stretch;
  for (const Segment& segment : plan.segments) {
    if (!segment.dense) {
      stretch.begin = std::min(stretch.begin, segment.t_begin);
      stretch.end = std::max(stretch.end, segment.t_end);
    }
  }
  return stretch;
}

std::string where_it_is_dense(const Plan& plan, const std::vector<double>& step_t) {
  const Stretch sparse = sparse_stretch(plan);
  if (sparse.end <= 0.0) {
    return "it is dense at all t";
  }
  const auto [last, first] = std::minmax_element(step_t.begin(), step_t.end());
  const bool some_step_is_sparse = std::any_of(step_t.begin(), step_t.end(), [&](double t) {
    return !plan.segments[static_cast<std::size_t>(segment_at(plan, t))].dense;
  });
  if (some_step_is_sparse) {
    return concat("it keeps every head dense in the run's steps, at t ", short_t(*first), " to ",
                  short_t(*last));
  }
  if (sparse.end < *last) {
    return concat("its sparse segments end at t ", short_t(sparse.end),
                  ", and the run's last step is at t ", short_t(*last));
  }
  return concat("its sparse segments stand at t ", short_t(sparse.begin), " to ",
                short_t(sparse.end), ", and the run's ", step_t.size(), " steps, at t ",
                short_t(*first), " to ", short_t(*last), ", are all outside of them");
}

}  // namespace

void add(AttentionUse& sum, const AttentionUse& use) {
  sum.sparse_calls += use.sparse_calls;
  sum.planned_dense_calls += use.planned_dense_calls;
  for (const auto& [reason, calls] : use.fallbacks) {
    sum.fallbacks[reason] += calls;
  }
  sum.heads_with_keys += use.heads_with_keys;
  sum.int8_heads += use.int8_heads;
  for (const auto& [reason, heads] : use.not_int8) {
    sum.not_int8[reason] += heads;
  }
}

std::string precision_text(const AttentionUse& use) {
  if (use.int8_heads == 0 && use.not_int8.empty()) {
    return {};
  }
  std::string text = concat("int8: ", use.int8_heads, " of ", use.heads_with_keys, " heads");
  for (const auto& [reason, heads] : use.not_int8) {
    text += concat("; ", heads, " that the plan wants in int8 were computed as bf16: ", reason);
  }
  return text;
}

bool took_part(const AttentionUse& use) {
  return use.sparse_calls > 0 || (use.planned_dense_calls == 0 && use.fallbacks.empty());
}

std::string why_no_part(const Plan& plan, const std::vector<double>& step_t,
                        const AttentionUse& use, bool adapted) {
  if (took_part(use)) {
    return {};
  }
  constexpr const char* kBegin = "the plan took no part: ";
  if (!use.fallbacks.empty()) {
    const auto most =
        std::max_element(use.fallbacks.begin(), use.fallbacks.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    return concat(kBegin, "all attention calls ran dense, ", most->second,
                  " of them against it: ", most->first);
  }
  if (adapted || step_t.empty()) {
    return concat(kBegin, "as it was adapted to the clip, it keeps every head dense");
  }
  return kBegin + where_it_is_dense(plan, step_t);
}

}  // namespace twill::report
