// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A run's forwards, grouped into the bins of t that segments are made of, and what each candidate
// would do in each bin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "twill/search/cost.h"
#include "twill/search/ledger.h"
#include "twill/search/solver.h"

namespace twill::search {

// Steps that follow each other. Forwards of one t are one step.
struct Bin {
  double t_first = 0.0;  // the highest
  double t_last = 0.0;
  double edge_below = 0.0;  // the t where the next bin begins; 0 for the last bin
  std::int32_t steps = 0;
  std::vector<Forward> forwards;
  std::vector<double> forwards_of;  // [experts] how many of them
};

struct BinnedRun {
  std::vector<Bin> bins;  // in the run's order, t descending
  std::int32_t steps = 0;
  std::size_t forwards = 0;
  // Bins that were told to be dense; empty where the solver may choose.
  std::optional<std::size_t> dense_first_bins, dense_last_bins;
};

// Throws Error(kUsage) naming the field of the request and its value. Without told edges every step
// has its own bin up to `most_bins`; more steps share bins evenly.
BinnedRun make_run(const Profile& profile, const SolveRequest& request, std::size_t most_bins);

// Heads of all experts in one line: expert * heads + head_index.
struct Heads {
  std::size_t experts = 0;
  std::size_t per_expert = 0;
  std::size_t count() const { return experts * per_expert; }
  std::size_t expert_of(std::size_t item) const { return item / per_expert; }
};
Heads heads_of(const Profile& profile);

inline constexpr double kForbidden = std::numeric_limits<double>::infinity();

// [bin][item][candidate].
class ErrorTable {
 public:
  // Summed over each bin's forwards.
  ErrorTable(const Ledger& ledger, const BinnedRun& run, Measure measure);

  std::span<const double> at(std::size_t bin, std::size_t item) const {
    return {values_.data() + (bin * items_ + item) * candidates_, candidates_};
  }
  std::span<double> at(std::size_t bin, std::size_t item) {
    return {values_.data() + (bin * items_ + item) * candidates_, candidates_};
  }
  // Sum over bins [begin, end).
  double sum(std::size_t begin, std::size_t end, std::size_t item, std::size_t candidate) const;

 private:
  std::size_t items_ = 0, candidates_ = 0;
  std::vector<double> values_;
};

// What a budget counts: the cost of a head of one forward over dense's, [candidates].
struct Prices {
  std::vector<double> cost;
  CandidateCosts costs;
};
Prices prices_of(const Profile& profile, CandidateCosts costs, const SolveRequest& request);

// Of each fixed or told item its precision; empty where it is the solver's choice. [items]
std::vector<std::optional<Precision>> told_precision(const Profile& profile,
                                                     const SolveRequest& request);

// Of the request's run, where it takes place.
Ledger ledger_of(std::shared_ptr<const Profile> profile, const SolveRequest& request);

// Heads of one expert in the request's dense first layers; they are the first in the line. Throws
// Error(kUsage) when the model has fewer layers.
std::size_t dense_layer_heads(const Profile& profile, const SolveRequest& request);

// [item][candidate], not 0 where the request's fixed heads and forbidden patterns allow it.
std::vector<std::uint8_t> allowed_candidates(const Profile& profile, const SolveRequest& request);

// One table for some bins that follow each other.
struct ChosenSegment {
  std::size_t begin = 0, end = 0;       // bins
  std::vector<std::int32_t> candidate;  // [items]
  std::vector<Precision> precision;     // [items]; empty: not chosen yet
};

bool all_dense(const ChosenSegment& segment, std::size_t dense_index);

// Sets the precision of all heads of all segments as the request's int8_error_share says it.
// Returns the predicted error that this adds.
double choose_precision(const Ledger& ledger, const BinnedRun& run, const Prices& prices,
                        const SolveRequest& request, const ErrorTable& predicted,
                        std::vector<ChosenSegment>& segments);

// The plan of a choice of patterns that covers all bins in order, with precision, density, error
// and provenance. hash: of the ledger's profile.
SolveResult result_of(const Ledger& ledger, std::shared_ptr<const Profile> profile,
                      const SolveRequest& request, const BinnedRun& run, const Prices& prices,
                      const ErrorTable& errors, std::vector<ChosenSegment> segments,
                      const std::string& strategy, const std::string& hash);

}  // namespace twill::search
