// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/plan_view.h"

#include <algorithm>

#include "twill/plan/error.h"
#include "twill/plan/names.h"
#include "twill/plan/plan_io.h"
#include "twill/plan/text_hash.h"

namespace twill {

HeadSite head_site(const ModelShape& model, std::size_t head) {
  std::size_t left = head;
  for (std::size_t stack = 0; stack < model.stacks.size(); ++stack) {
    const auto columns = static_cast<std::size_t>(model.stacks[stack].heads);
    const std::size_t count = static_cast<std::size_t>(model.stacks[stack].layers) * columns;
    if (left < count) {
      return {.stack = stack,
              .layer = static_cast<std::int32_t>(left / columns),
              .head = static_cast<std::int32_t>(left % columns)};
    }
    left -= count;
  }
  throw Error(ErrorCode::kModel, concat("head ", head, " is outside the model"));
}

std::string head_label(const ModelShape& model, std::size_t expert, std::size_t head) {
  const HeadSite site = head_site(model, head);
  return concat(model.experts.size() > 1 ? model.experts.at(expert) + " " : "",
                model.stacks[site.stack].name, ".", site.layer, " head ", site.head);
}

const Pattern& pattern_at(const Plan& plan, std::size_t segment, std::size_t expert,
                          std::size_t head) {
  static const Pattern kDense = dense();
  const Segment& of = plan.segments.at(segment);
  return of.dense
             ? kDense
             : plan.patterns.at(static_cast<std::size_t>(of.heads.at(expert).at(head).pattern));
}

bool has_keys(PatternKind kind) { return kind != PatternKind::kSkip && kind != PatternKind::kMean; }

Precision precision_at(const Plan& plan, std::size_t segment, std::size_t expert,
                       std::size_t head) {
  const Segment& of = plan.segments.at(segment);
  if (of.dense || !has_keys(pattern_at(plan, segment, expert, head).kind)) {
    return Precision::kBf16;
  }
  return of.heads.at(expert).at(head).precision;
}

std::string describe_head(const Plan& plan, std::size_t segment, std::size_t expert,
                          std::size_t head) {
  const std::string pattern = describe(pattern_at(plan, segment, expert, head));
  const Precision precision = precision_at(plan, segment, expert, head);
  return precision == Precision::kBf16 ? pattern
                                       : concat(pattern, ", ", name_in(kPrecisionNames, precision));
}

PrecisionCounts precision_counts(const Plan& plan) {
  PrecisionCounts counts;
  for (const Segment& segment : plan.segments) {
    for (const std::vector<HeadPlan>& heads : segment.heads) {
      for (const HeadPlan& head : heads) {
        const bool keys = has_keys(plan.patterns.at(static_cast<std::size_t>(head.pattern)).kind);
        counts.with_keys += keys ? 1 : 0;
        counts.int8 += keys && head.precision == Precision::kInt8 ? 1 : 0;
      }
    }
  }
  return counts;
}

std::string describe(const PrecisionCounts& counts) {
  return counts.int8 == 0 ? "" : concat("int8: ", counts.int8, " of ", counts.with_keys, " heads");
}

std::size_t widest_segment(const Plan& plan) {
  std::size_t widest = 0;
  double width = 0.0;
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const Segment& segment = plan.segments[i];
    if (!segment.dense && segment.t_end - segment.t_begin > width) {
      width = segment.t_end - segment.t_begin;
      widest = i;
    }
  }
  return widest;
}

std::string fingerprint(const Plan& plan) {
  Plan bare = plan;
  bare.profile = nullptr;
  return hex(hash_text(plan_to_json(bare)));
}

std::string fingerprint_at(const Plan& plan, std::vector<double> t) {
  TWILL_ASSERT(!t.empty());
  std::ranges::sort(t);
  Plan bare{.model = plan.model, .expert_boundary = plan.expert_boundary};
  const auto index_of = [&](const Pattern& pattern) {
    const auto found = std::ranges::find(bare.patterns, pattern);
    if (found == bare.patterns.end()) {
      bare.patterns.push_back(pattern);
      return static_cast<std::int32_t>(bare.patterns.size()) - 1;
    }
    return static_cast<std::int32_t>(found - bare.patterns.begin());
  };
  double begin = 0.0;
  for (std::size_t i = 0; i < t.size(); ++i) {
    Segment segment = plan.segments[static_cast<std::size_t>(segment_at(plan, t[i]))];
    for (std::vector<HeadPlan>& heads : segment.heads) {
      for (HeadPlan& head : heads) {
        head.pattern = index_of(plan.patterns[static_cast<std::size_t>(head.pattern)]);
      }
    }
    segment.t_begin = begin;
    segment.t_end = i + 1 < t.size() ? (t[i] + t[i + 1]) / 2.0 : 1.0;
    begin = segment.t_end;
    if (!bare.segments.empty() && bare.segments.back().dense == segment.dense &&
        bare.segments.back().heads == segment.heads) {
      bare.segments.back().t_end = segment.t_end;
    } else {
      bare.segments.push_back(std::move(segment));
    }
  }
  return fingerprint(bare);
}

}  // namespace twill
