// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "plan/plan_edits.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "twill/plan/error.h"

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

HeadSite site_of(const ModelShape& model, std::size_t head) {
  for (std::size_t stack = 0; stack < model.stacks.size(); ++stack) {
    const auto count = static_cast<std::size_t>(model.stacks[stack].layers) *
                       static_cast<std::size_t>(model.stacks[stack].heads);
    if (head < count) {
      const auto columns = static_cast<std::size_t>(model.stacks[stack].heads);
      return {.stack = stack,
              .layer = static_cast<std::int32_t>(head / columns),
              .head = static_cast<std::int32_t>(head % columns)};
    }
    head -= count;
  }
  throw Error(ErrorCode::kModel, concat("head ", head, " is outside the model"));
}

std::size_t widest_sparse_segment(const Plan& plan) {
  std::size_t widest = 0;
  double length = -1.0;
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const double own = plan.segments[i].t_end - plan.segments[i].t_begin;
    if (!plan.segments[i].dense && own > length) {
      length = own;
      widest = i;
    }
  }
  return widest;
}

const Pattern& pattern_of(const Plan& plan, std::size_t segment, const HeadRef& head) {
  static const Pattern kDense = dense();
  const Segment& of = plan.segments.at(segment);
  if (of.dense) {
    return kDense;
  }
  return plan.patterns.at(static_cast<std::size_t>(of.heads.at(head.expert).at(head.head).pattern));
}

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
  require(segment + 1 < plan.segments.size(), ErrorCode::kUsage, "segment ", segment,
          " has no next one");
  plan.segments[segment].t_end = plan.segments[segment + 1].t_end;
  plan.segments.erase(plan.segments.begin() + static_cast<std::ptrdiff_t>(segment) + 1);
  return without_unused_patterns(std::move(plan));
}

std::set<HeadRef> fixed_heads(const Plan& plan) {
  std::set<HeadRef> heads;
  const auto found = plan.provenance.find(kFixedHeadsKey);
  if (found == plan.provenance.end()) {
    return heads;
  }
  // "expert:head expert:head"; a word that is not that, as another program may leave, is passed by.
  const std::string& text = found->second;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const char* const word_end = std::find(at, end, ' ');
    HeadRef head;
    const auto first = std::from_chars(at, word_end, head.expert);
    if (first.ec == std::errc() && first.ptr < word_end && *first.ptr == ':') {
      const auto second = std::from_chars(first.ptr + 1, word_end, head.head);
      if (second.ec == std::errc() && second.ptr == word_end &&
          head.expert < plan.model.experts.size() &&
          head.head < static_cast<std::size_t>(plan.model.heads_total())) {
        heads.insert(head);
      }
    }
    at = word_end == end ? end : word_end + 1;
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
    for (std::size_t i = 0; i < plan.segments.size(); ++i) {
      if (!plan.segments[i].dense) {
        plan.segments[i].heads.at(head.expert).at(head.head).pattern = index_of(plan, pattern);
      }
    }
  }
  std::string text;
  for (const HeadRef& head : all) {
    text += concat(text.empty() ? "" : " ", head.expert, ":", head.head);
  }
  if (text.empty()) {
    plan.provenance.erase(kFixedHeadsKey);
  } else {
    plan.provenance[kFixedHeadsKey] = text;
  }
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
