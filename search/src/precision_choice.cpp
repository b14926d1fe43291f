// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Which heads of a plan compute in INT8. A budget of cells does not tell precisions apart, so they
// are chosen after the patterns: rounding adds to a head's error whichever keys it keeps, and what
// INT8 saves goes with its cells.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "run_bins.h"
#include "twill/plan/plan_view.h"

namespace twill::search {
namespace {

struct Option {
  std::size_t segment = 0, item = 0;
  double added = 0.0;  // predicted error
  double saved = 0.0;  // what it costs in bf16, of which INT8 saves a share
};

class Choice {
 public:
  Choice(const Ledger& ledger, const BinnedRun& run, const Prices& prices,
         const SolveRequest& request)
      : ledger_(ledger),
        run_(run),
        prices_(prices),
        request_(request),
        heads_(heads_of(ledger.profile())),
        told_(told_precision(ledger.profile(), request)) {}

  double choose(const ErrorTable& predicted, std::vector<ChosenSegment>& segments) const {
    double of_patterns = 0.0, added = 0.0;
    std::vector<Option> options;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      ChosenSegment& segment = segments[i];
      segment.precision.assign(heads_.count(), Precision::kBf16);
      const bool dense = all_dense(segment, ledger_.dense());
      for (std::size_t item = 0; item < heads_.count(); ++item) {
        const auto candidate = static_cast<std::size_t>(segment.candidate[item]);
        of_patterns += predicted.sum(segment.begin, segment.end, item, candidate);
        const Option option = option_of(segment, i, item);
        if (dense || !has_keys(ledger_.profile().candidates[candidate].kind)) {
          continue;
        }
        if (told_[item]) {
          segment.precision[item] = *told_[item];
          added += *told_[item] == Precision::kInt8 ? option.added : 0.0;
        } else if (option.saved > 0.0 && bearable(segment, item)) {
          options.push_back(option);
        }
      }
    }
    std::ranges::stable_sort(options, [](const Option& a, const Option& b) {
      return a.added * b.saved < b.added * a.saved;
    });
    double left = request_.int8_error_share * of_patterns;
    for (const Option& option : options) {
      if (option.added <= left && left > 0.0) {
        segments[option.segment].precision[option.item] = Precision::kInt8;
        left -= option.added;
        added += option.added;
      }
    }
    return added;
  }

 private:
  Option option_of(const ChosenSegment& segment, std::size_t index, std::size_t item) const {
    const std::size_t expert = heads_.expert_of(item);
    const auto candidate = static_cast<std::size_t>(segment.candidate[item]);
    Option option{.segment = index, .item = item};
    for (std::size_t bin = segment.begin; bin < segment.end; ++bin) {
      const TimeShares shares = ledger_.shares(Measure::kError, run_.bins[bin].forwards, expert);
      option.added += ledger_.rounding(Precision::kInt8, shares, expert, item % heads_.per_expert);
      option.saved += run_.bins[bin].forwards_of[expert] * prices_.cost[candidate];
    }
    return option;
  }

  // Whether the head error with its rounding keeps to the request's limit at every step.
  bool bearable(const ChosenSegment& segment, std::size_t item) const {
    if (!request_.max_head_error) {
      return true;
    }
    const std::size_t expert = heads_.expert_of(item), head = item % heads_.per_expert;
    const auto candidate = static_cast<std::size_t>(segment.candidate[item]);
    for (std::size_t bin = segment.begin; bin < segment.end; ++bin) {
      const TimeShares shares =
          ledger_.shares(Measure::kHeadError, run_.bins[bin].forwards, expert);
      const double error = ledger_.head_error(shares, expert, head, candidate) +
                           ledger_.rounding_head_error(Precision::kInt8, shares, expert, head);
      if (error > *request_.max_head_error * run_.bins[bin].forwards_of[expert]) {
        return false;
      }
    }
    return true;
  }

  const Ledger& ledger_;
  const BinnedRun& run_;
  const Prices& prices_;
  const SolveRequest& request_;
  Heads heads_;
  std::vector<std::optional<Precision>> told_;
};

}  // namespace

double int8_error_share_of(const Plan& plan) {
  const bool known = plan.profile != nullptr && !plan.profile->int8_error.empty();
  return known && precision_counts(plan).int8 > 0 ? kInt8ErrorShare : 0.0;
}

double choose_precision(const Ledger& ledger, const BinnedRun& run, const Prices& prices,
                        const SolveRequest& request, const ErrorTable& predicted,
                        std::vector<ChosenSegment>& segments) {
  return Choice(ledger, run, prices, request).choose(predicted, segments);
}

}  // namespace twill::search
