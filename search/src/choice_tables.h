// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// For every run of bins that could be a segment: each head's convex hull of (cost, error), all
// heads' hull steps in one list by slope. With a price on cost the best choice of a whole segment
// is then one binary search.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "run_bins.h"

namespace twill::search {

// Going from one point of a head's hull to the next.
struct HullStep {
  double slope = 0.0;  // error saved per cost, > 0; falling along the list
  double cost = 0.0;   // added
  double saved = 0.0;  // error
  std::int32_t item = 0;
  std::int32_t candidate = 0;  // gone to
  std::int32_t from = 0;       // left
};

// One interval of bins, [begin, end).
struct IntervalTable {
  double base_cost = 0.0;  // every head at the cheapest end of its hull
  double base_error = 0.0;
  std::vector<std::int32_t> base;  // [items] candidates there
  std::vector<HullStep> steps;     // by falling slope
  // [steps + 1] sums over the first i steps.
  std::vector<double> cost_sums, saved_sums;

  // Steps whose slope is above the price.
  std::size_t taken_at(double price) const;
};

// Candidates by rising cost, [candidates].
std::vector<std::int32_t> by_cost(const std::vector<double>& cost);

class ChoiceTables {
 public:
  // Tables of all intervals within bins [first, last). `allowed`: [item][candidate].
  ChoiceTables(const BinnedRun& run, const Heads& heads, const Prices& prices,
               const ErrorTable& errors, const std::vector<std::uint8_t>& allowed,
               std::size_t first, std::size_t last);

  const IntervalTable& at(std::size_t begin, std::size_t end) const {
    return tables_[(begin - first_) * (last_ - first_) + (end - 1 - first_)];
  }
  std::size_t first() const { return first_; }
  std::size_t last() const { return last_; }
  double steepest() const { return steepest_; }
  // The least cost of a step in any table; infinite when there is none.
  double smallest_step() const { return smallest_step_; }

 private:
  std::size_t first_ = 0, last_ = 0;
  double steepest_ = 0.0;
  double smallest_step_ = std::numeric_limits<double>::infinity();
  std::vector<IntervalTable> tables_;
};

}  // namespace twill::search
