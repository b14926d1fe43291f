// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan/plan_edits.h"

#include <algorithm>
#include <utility>

#include "twill/plan/error.h"
#include "twill/search/solved_for.h"

namespace twill::gui {
namespace {

std::int32_t index_of(Plan& plan, const Pattern& pattern) {
  const auto found = std::find(plan.patterns.begin(), plan.patterns.end(), pattern);
  if (found != plan.patterns.end()) {
    return static_cast<std::int32_t>(found - plan.patterns.begin());
  }
  plan.patterns.push_back(pattern);
  return static_cast<std::int32_t>(plan.patterns.size()) - 1;
}

void make_sparse(Plan& plan, std::size_t at) {
  Segment& segment = plan.segments[at];
  if (!segment.dense) {
    return;
  }
  segment.dense = false;
  const std::int32_t pattern = index_of(plan, dense());
  segment.heads.assign(plan.model.experts.size(),
                       std::vector<HeadPlan>(static_cast<std::size_t>(plan.model.heads_total()),
                                             HeadPlan{.pattern = pattern}));
}

}  // namespace

Plan with_pattern(Plan plan, const std::vector<std::size_t>& segments,
                  const std::vector<HeadRef>& heads, const Pattern& pattern) {
  check_pattern(pattern, "pattern");
  if (heads.empty()) {
    return plan;
  }
  const std::int32_t index = index_of(plan, pattern);
  for (const std::size_t segment : segments) {
    make_sparse(plan, segment);
    for (const HeadRef& head : heads) {
      plan.segments[segment].heads.at(head.expert).at(head.head).pattern = index;
    }
  }
  return without_unused_patterns(std::move(plan));
}

Plan with_precision(Plan plan, const std::vector<std::size_t>& segments,
                    const std::vector<HeadRef>& heads, Precision precision) {
  for (const std::size_t segment : segments) {
    if (!plan.segments.at(segment).dense) {
      for (const HeadRef& head : heads) {
        plan.segments[segment].heads.at(head.expert).at(head.head).precision = precision;
      }
    }
  }
  return plan;
}

Plan with_segment_dense(Plan plan, std::size_t segment, bool dense) {
  Segment& of = plan.segments.at(segment);
  if (of.dense == dense) {
    return plan;
  }
  if (dense) {
    of.dense = true;
    of.heads.clear();
    return without_unused_patterns(std::move(plan));
  }
  for (std::size_t away = 1; away < plan.segments.size(); ++away) {
    for (const std::size_t other : {segment - away, segment + away}) {
      if (other < plan.segments.size() && !plan.segments[other].dense) {
        of.dense = false;
        of.heads = plan.segments[other].heads;
        return plan;
      }
    }
  }
  make_sparse(plan, segment);
  return plan;
}

Plan with_segment_split(Plan plan, std::size_t segment, double at) {
  const Segment& of = plan.segments.at(segment);
  require(at > of.t_begin && at < of.t_end, ErrorCode::kUsage, "t ", at, " is not inside (",
          of.t_begin, ", ", of.t_end, ")");
  Segment upper = of;
  upper.t_begin = at;
  plan.segments[segment].t_end = at;
  plan.segments.insert(plan.segments.begin() + static_cast<std::ptrdiff_t>(segment) + 1,
                       std::move(upper));
  return plan;
}

Plan with_segments_joined(Plan plan, std::size_t segment) {
  require(segment < plan.segments.size() && segment > 0, ErrorCode::kUsage,
          "no segment follows segment ", segment, " in a run");
  plan.segments[segment].t_begin = plan.segments[segment - 1].t_begin;
  plan.segments.erase(plan.segments.begin() + static_cast<std::ptrdiff_t>(segment) - 1);
  return without_unused_patterns(std::move(plan));
}

std::set<HeadRef> fixed_heads(const Plan& plan) {
  std::set<HeadRef> heads;
  for (const FixedHead& fixed : search::fixed_heads(plan)) {
    const std::int32_t head = head_index(plan.model, fixed.stack, fixed.layer, fixed.head);
    heads.insert({static_cast<std::size_t>(fixed.expert), static_cast<std::size_t>(head)});
  }
  return heads;
}

Plan with_fixed(Plan plan, const std::vector<HeadRef>& heads, bool fixed, std::size_t segment) {
  std::set<HeadRef> all = fixed_heads(plan);
  for (const HeadRef& head : heads) {
    if (!fixed) {
      all.erase(head);
      continue;
    }
    all.insert(head);
    const Pattern pattern = pattern_of(plan, segment, head);
    const Precision precision = precision_at(plan, segment, head.expert, head.head);
    for (std::size_t i = 0; i < plan.segments.size(); ++i) {
      if (!plan.segments[i].dense) {
        plan.segments[i].heads.at(head.expert).at(head.head) = {.pattern = index_of(plan, pattern),
                                                                .precision = precision};
      }
    }
  }
  std::vector<FixedHead> kept;
  for (const HeadRef& head : all) {
    const HeadSite site = head_site(plan.model, head.head);
    kept.push_back({.expert = static_cast<std::int32_t>(head.expert),
                    .stack = static_cast<std::int32_t>(site.stack),
                    .layer = site.layer,
                    .head = site.head});
  }
  search::keep_fixed_heads(std::move(kept), plan);
  return without_unused_patterns(std::move(plan));
}

Plan without_unused_patterns(Plan plan) {
  std::vector<std::int32_t> moved(plan.patterns.size(), -1);
  for (const Segment& segment : plan.segments) {
    for (const auto& heads : segment.heads) {
      for (const HeadPlan& head : heads) {
        moved.at(static_cast<std::size_t>(head.pattern)) = 0;
      }
    }
  }
  // A plan has at least one pattern, as its files do.
  if (std::all_of(moved.begin(), moved.end(), [](std::int32_t use) { return use < 0; })) {
    return plan;
  }
  std::vector<Pattern> kept;
  for (std::size_t i = 0; i < moved.size(); ++i) {
    if (moved[i] == 0) {
      moved[i] = static_cast<std::int32_t>(kept.size());
      kept.push_back(std::move(plan.patterns[i]));
    }
  }
  plan.patterns = std::move(kept);
  for (Segment& segment : plan.segments) {
    for (auto& heads : segment.heads) {
      for (HeadPlan& head : heads) {
        head.pattern = moved[static_cast<std::size_t>(head.pattern)];
      }
    }
  }
  return plan;
}

}  // namespace twill::gui
