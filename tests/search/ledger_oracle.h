// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the ledger says, again from the definitions.
#pragma once

#include <cmath>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "twill/plan/compile.h"
#include "twill/plan/plan.h"
#include "twill/plan/profile.h"
#include "twill/search/forwards.h"

namespace twill::search {

inline constexpr TokenLayout kProfiled{.frames = 4, .rows = 16, .cols = 16};
inline constexpr TokenLayout kOther{.frames = 6, .rows = 12, .cols = 20, .suffix = 10};

struct Setting {
  std::shared_ptr<Profile> profile;
  std::vector<Forward> forwards;
  TimeWeight weight{.t = {0.1, 0.5, 0.9}, .weight = {1.0, 4.0, 30.0}};
  TokenLayout layout = kProfiled;
  Plan plan;
};

// Everything again from the definitions, one forward, head and candidate at a time. Tiles are
// counted by core/plan, whose oracle counts pairs of tokens.
class ByDefinition {
 public:
  explicit ByDefinition(const Setting& setting) : at_(setting), profile_(*setting.profile) {
    for (std::size_t i = 0; i < profile_.candidates.size(); ++i) {
      factors_.push_back(factor_of(i));
    }
  }

  double head_error(double t, std::size_t expert, std::size_t head, std::size_t candidate) const {
    return between_times(t, [&](std::size_t time) {
      return factors_[candidate] * profile_.error_at(time, expert, head, candidate);
    });
  }
  double error(const Forward& forward, std::size_t head, std::size_t candidate) const {
    const PatternKind kind = profile_.candidates[candidate].kind;
    const double seen = kind == PatternKind::kMean || kind == PatternKind::kSkip ? 16.0 : 1.0;
    return forward.weight * weight_at(forward.t) * seen * lost(forward, head, candidate);
  }
  // By gain alone.
  double lost(const Forward& forward, std::size_t head, std::size_t candidate) const {
    const auto expert = static_cast<std::size_t>(forward.expert);
    return between_times(forward.t, [&](std::size_t time) {
      return static_cast<double>(profile_.gain_at(time, expert, head)) * factors_[candidate] *
             profile_.error_at(time, expert, head, candidate);
    });
  }
  // Sum over forwards of the squared sum over heads of roots.
  double clip_error() const {
    double sum = 0.0;
    for (const Forward& forward : at_.forwards) {
      const auto expert = static_cast<std::size_t>(forward.expert);
      double roots = 0.0;
      for (std::size_t head = 0; head < profile_.heads(); ++head) {
        const std::size_t candidate = candidate_at(forward.t, expert, head);
        double squared = forward.weight * weight_at(forward.t) * lost(forward, head, candidate);
        if (is_int8(forward.t, expert, head)) {
          squared += rounding(forward, head);
        }
        roots += std::sqrt(squared);
      }
      sum += roots * roots;
    }
    return sum;
  }
  // What INT8 adds, whichever keys the head keeps.
  double rounding(const Forward& forward, std::size_t head) const {
    const auto expert = static_cast<std::size_t>(forward.expert);
    return forward.weight * weight_at(forward.t) * between_times(forward.t, [&](std::size_t time) {
             return static_cast<double>(profile_.gain_at(time, expert, head)) *
                    profile_.int8_error_at(time, expert, head);
           });
  }
  double rounding_head_error(double t, std::size_t expert, std::size_t head) const {
    return between_times(t, [&](std::size_t time) {
      return static_cast<double>(profile_.int8_error_at(time, expert, head));
    });
  }
  // Of a head as the plan has it at t.
  bool is_int8(double t, std::size_t expert, std::size_t head) const {
    const Segment& segment = segment_of(t);
    const PatternKind kind = profile_.candidates[candidate_at(t, expert, head)].kind;
    return !segment.dense && kind != PatternKind::kMean && kind != PatternKind::kSkip &&
           segment.heads[expert][head].precision == Precision::kInt8;
  }
  double planned_error(const Forward& forward, std::size_t head) const {
    const auto expert = static_cast<std::size_t>(forward.expert);
    return error(forward, head, candidate_at(forward.t, expert, head)) +
           (is_int8(forward.t, expert, head) ? rounding(forward, head) : 0.0);
  }
  double cells(const Pattern& pattern) const {
    return 128.0 * 64.0 * static_cast<double>(pattern_tiles(pattern, at_.layout));
  }
  double milliseconds(std::size_t candidate) const {
    const CostTable& table = profile_.cost;
    const Pattern& pattern = profile_.candidates[candidate];
    const auto measured = static_cast<double>(pattern_tiles(pattern, table.layout));
    const double scale = measured > 0.0
                             ? static_cast<double>(pattern_tiles(pattern, at_.layout)) / measured
                             : static_cast<double>(at_.layout.tokens()) / table.layout.tokens();
    return table.milliseconds[candidate] * scale;
  }
  // What the plan gives a head at t.
  std::size_t candidate_at(double t, std::size_t expert, std::size_t head) const {
    const Segment& segment = segment_of(t);
    const Pattern& pattern =
        segment.dense
            ? profile_.candidates[dense_index()]
            : at_.plan.patterns[static_cast<std::size_t>(segment.heads[expert][head].pattern)];
    std::size_t i = 0;
    while (profile_.candidates[i] != pattern) {
      ++i;
    }
    return i;
  }
  const Segment& segment_of(double t) const {
    for (const Segment& segment : at_.plan.segments) {
      if (t <= segment.t_end) {
        return segment;
      }
    }
    return at_.plan.segments.back();
  }
  std::size_t dense_index() const {
    std::size_t i = 0;
    while (profile_.candidates[i].kind != PatternKind::kDense) {
      ++i;
    }
    return i;
  }

 private:
  double factor_of(std::size_t candidate) const {
    if (candidate == dense_index()) {
      return 0.0;
    }
    const auto left_out = [&](const TokenLayout& layout) {
      return 1.0 - static_cast<double>(pattern_tiles(profile_.candidates[candidate], layout)) /
                       static_cast<double>(dense_tiles(layout));
    };
    const double there = left_out(profile_.layout);
    return there == 0.0 ? 1.0 : std::pow(left_out(at_.layout) / there, 1.5);
  }
  double between_times(double t, const std::function<double(std::size_t)>& value) const {
    const std::vector<double>& times = profile_.t;
    if (t >= times.front()) {
      return value(0);
    }
    for (std::size_t i = 1; i < times.size(); ++i) {
      if (t >= times[i]) {
        const double upper = (t - times[i]) / (times[i - 1] - times[i]);
        return upper * value(i - 1) + (1.0 - upper) * value(i);
      }
    }
    return value(times.size() - 1);
  }
  double weight_at(double t) const {
    const TimeWeight& of = at_.weight;
    if (t <= of.t.front()) {
      return of.weight.front();
    }
    for (std::size_t i = 1; i < of.t.size(); ++i) {
      if (t <= of.t[i]) {
        const double upper = (t - of.t[i - 1]) / (of.t[i] - of.t[i - 1]);
        return upper * of.weight[i] + (1.0 - upper) * of.weight[i - 1];
      }
    }
    return of.weight.back();
  }

  const Setting& at_;
  const Profile& profile_;
  std::vector<double> factors_;
};

}  // namespace twill::search
