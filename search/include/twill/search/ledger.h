// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What heads lose and cost over a run, at the layout where it takes place. Solver, reports, checks
// of the prediction and the app read it here and add nothing up by themselves. For a forward, a
// head and a candidate:
//   head error    the profile's x layout_factors()
//   error         forward.weight x w(t) x gain x head error x coherence()
//   cells         of the list tiles that the candidate computes at the layout
//   rounding      forward.weight x w(t) x gain x the profile's int8 error, of a head in INT8 that
//   has
//                 keys, whichever they are; what a plan's head loses is error + rounding
//   milliseconds  the cost table's, carried to the layout by candidate_costs()
// Between the profile's times head error and gain x head error go in a straight line, as blend_at()
// says. Dense is the reference: its errors are 0, whatever was measured for it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "twill/plan/plan.h"
#include "twill/plan/profile.h"
#include "twill/search/cost.h"
#include "twill/search/error_model.h"

namespace twill::search {

// Of one head in one forward, or a sum or mean of such.
struct Cost {
  double cells = 0.0;         // query-key cells
  double milliseconds = 0.0;  // 0 without a cost table
};

// A plan over the run, in all.
struct PlanNumbers {
  double density = 1.0;                   // cells over dense's
  std::optional<double> attention_share;  // of dense attention's time; empty without a cost table
  double error = 0.0;
  // Heads x segments whose pattern is no candidate, or whose rounding the profile does not know:
  // their error, or their rounding, is left out of the sum.
  std::int64_t unmeasured = 0;
};

// A plan over the run, by head, segment, layer, kind and forward.
struct PlanSums {
  struct Head {
    std::size_t candidate = 0;
    Precision precision = Precision::kBf16;
    double head_error = 0.0;  // mean over the segment's forwards of the head's expert; where none
                              // falls, at its middle
    double error = 0.0;       // summed over the same forwards
  };
  std::vector<std::vector<Head>> heads;          // [segment][expert][head_index]
  std::vector<std::int32_t> forwards;            // [segment] that fall into it
  std::vector<std::vector<double>> layer_error;  // [layer, stacks one after another][forward]
  std::vector<std::vector<double>> kind_error;   // [kPatternNames][forward]
  std::vector<Cost> layer_cost;                  // [layer] of one forward, mean over the run
  std::vector<Cost> dense_layer_cost;
  double density = 1.0;
  double error = 0.0;
};

// What one t of the profile counts in a sum or mean over forwards.
struct TimeShare {
  std::size_t t_index = 0;
  double share = 0.0;
};
using TimeShares = std::vector<TimeShare>;  // ascending t_index, none 0

// Not changed by asking: several threads may ask at once.
class Ledger {
 public:
  // Counts the cells of every candidate: seconds for large models. Throws Error(kUsage) for a
  // weight, an expert or a layout that cannot be, Error(kModel) when the profile has no dense
  // candidate or a cost table of another size.
  Ledger(std::shared_ptr<const Profile> profile, std::vector<Forward> forwards, TimeWeight weight,
         const TokenLayout& layout);

  const Profile& profile() const { return *profile_; }
  const std::vector<Forward>& forwards() const { return forwards_; }
  const TokenLayout& layout() const { return layout_; }
  std::size_t dense() const { return dense_; }  // index of the candidate

  // Of a head of the forward's expert.
  double error(const Forward& forward, std::size_t head, std::size_t candidate) const;
  // At any t.
  double head_error(double t, std::size_t expert, std::size_t head, std::size_t candidate) const;

  // Whether the profile knows what computing so loses.
  bool measured(Precision precision) const {
    return precision == Precision::kBf16 || !profile_->int8_error.empty();
  }
  // Of a head with keys of the forward's expert; 0 in bf16.
  double rounding(Precision precision, const Forward& forward, std::size_t head) const;
  // What it adds to the sum of Measure::kError that the shares are for.
  double rounding(Precision precision, const TimeShares& shares, std::size_t expert,
                  std::size_t head) const;
  // As a head error: what it adds to a sum or mean of Measure::kHeadError.
  double rounding_head_error(Precision precision, const TimeShares& shares, std::size_t expert,
                             std::size_t head) const;

  const CandidateCosts& costs() const { return costs_; }
  Cost cost(std::size_t candidate) const;
  bool timed() const { return !costs_.milliseconds.empty(); }
  // Of any pattern. One that is no candidate was not timed and is taken to cost its cells' share of
  // dense; its cells are counted when it is first asked for.
  double density(const Pattern& pattern) const;
  Cost cost(const Pattern& pattern) const;
  // Empty: it was not measured.
  std::optional<std::size_t> candidate(const Pattern& pattern) const;

  // Of those of the forwards that run the expert: each counts its weight x w(t) in a sum of errors,
  // and 1 in sums of the other measures.
  TimeShares shares(Measure measure, std::span<const Forward> forwards, std::size_t expert) const;
  // Adds the sum that the shares are for. sums: [candidates].
  void add(Measure measure, const TimeShares& shares, std::size_t expert, std::size_t head,
           std::span<double> sums) const;
  // Shares that sum to 1, of the run's forwards of the expert in (t_begin, t_end], 0 belonging to
  // what begins there; of the middle where none falls.
  TimeShares mean_over(double t_begin, double t_end, std::size_t expert) const;
  double head_error(const TimeShares& mean, std::size_t expert, std::size_t head,
                    std::size_t candidate) const;
  double gain(const TimeShares& mean, std::size_t expert, std::size_t head) const;

  // Plans must be for the profile's model. Fast enough to follow every edit.
  PlanNumbers numbers(const Plan& plan) const;
  // These throw Error(kModel) naming a pattern of the plan that is no candidate, and for a plan
  // with heads in INT8 where the profile does not know their rounding.
  PlanSums sums(const Plan& plan) const;
  double error(const Plan& plan) const;
  // What a clip is expected to show of it. Within a forward the errors of heads point one way, so
  // that their roots add up, and what all tokens miss alike counts as anything else: sum over
  // forwards of weight x w(t) x (sum over heads of sqrt(gain x head error))^2. It is nearer to what
  // clips show than error(), which a solver needs because that is a sum over heads;
  // tests/bench/README.md has both.
  double clip_error(const Plan& plan) const;
  // Of each bin of t alone, [bins] ascending in t, w(t) left out: what calibrate() takes. Bin b is
  // (edges[b], edges[b + 1]]. Throws Error(kUsage) for edges that do not ascend.
  std::vector<double> error_by_time(const Plan& plan, const std::vector<double>& edges) const;

 private:
  double weight(const Forward& forward) const {
    return forward.weight * weight_at(weight_, forward.t);
  }
  // gain x what the profile measured x factor_of[candidate], w(t) and the forward's weight left
  // out.
  double loss(const Forward& forward, std::size_t head, std::size_t candidate,
              const std::vector<double>& factor_of) const;
  double rounding_loss(const Forward& forward, std::size_t head) const;
  void check_measured(const Plan& plan) const;
  // Of all heads of the plan's segment there, addend(loss + rounding); candidates: [patterns].
  template <typename Add>
  double sum_of_losses(const Forward& forward, const Plan& plan,
                       const std::vector<std::size_t>& candidates,
                       const std::vector<double>& factor_of, const Add& addend) const;
  // The same with coherence, and nothing done to them.
  double loss(const Forward& forward, const Plan& plan,
              const std::vector<std::size_t>& candidates) const;
  std::int64_t tiles(const Pattern& pattern) const;

  std::shared_ptr<const Profile> profile_;
  std::vector<Forward> forwards_;
  TimeWeight weight_;
  TokenLayout layout_;
  std::size_t dense_ = 0;
  CandidateCosts costs_;
  // [candidates], what the profile's numbers are multiplied with; 0 for dense.
  std::vector<double> head_error_factor_;
  std::vector<double> error_factor_;
  std::map<Pattern, std::size_t> candidates_;
  mutable std::mutex mutex_;
  mutable std::map<Pattern, std::int64_t> other_tiles_;  // of patterns that are no candidates
};

}  // namespace twill::search
