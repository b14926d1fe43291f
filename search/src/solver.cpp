// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A multiple-choice knapsack whose classes are (segment, head), with the segments' borders to be
// chosen too. A price on cost splits it into heads (their convex hulls) and segments (dynamic
// programming over bins); bisecting the price gives a lower bound and two nearby choices, which are
// then filled up to the budget.

#include "twill/search/solver.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "choice_tables.h"
#include "exact_text.h"
#include "run_bins.h"
#include "twill/plan/error.h"
#include "twill/search/profile_hash.h"
#include "twill/search/solved_for.h"

namespace twill::search {
namespace {

// Bins of a run with more steps than this share bins; tables grow with their square.
constexpr std::size_t kMostBins = 24;
constexpr std::size_t kMostBinsOfLargeModels = 12;
constexpr std::size_t kLargeModelHeads = 500;
constexpr int kMostPrices = 80;
// Rounding of sums of costs, relative to the budget.
constexpr double kRounding = 1e-9;
// Prices are searched from the steepest slope down to this share of it, to this precision.
constexpr double kLeastPrice = 1e-14;
constexpr double kPriceRounding = 1e-9;
constexpr std::size_t kMostFills = 4;
constexpr int kMostRepairs = 64;
constexpr double kLeastBudget = 1e-6;

// Segments as borders: [cuts[i], cuts[i + 1]); bins before the first and after the last cut are
// dense.
struct Cuts {
  std::vector<std::size_t> at;
  friend bool operator==(const Cuts&, const Cuts&) = default;
};

struct Priced {
  double value = kForbidden;  // error + price x cost, least
  double cost = 0.0;
  Cuts cuts;
};

// Everything about one set of cuts but the dense bins.
struct Filled {
  double error = kForbidden;
  std::vector<ChosenSegment> segments;
};

struct Solved {
  Cuts cuts;
  Filled filled;
  double lower_bound = 0.0;
};

}  // namespace

TokenLayout layout_at(const Profile& profile, const std::array<std::int32_t, 3>& grid) {
  TokenLayout layout = profile.layout;
  layout.frames = grid[0];
  layout.rows = grid[1];
  layout.cols = grid[2];
  check_layout(layout);
  return layout;
}

struct Solver::Impl {
  std::shared_ptr<const Profile> profile;
  SolveRequest request;
  Heads heads;
  std::size_t dense_index = 0;
  BinnedRun run;
  Ledger ledger;
  Prices prices;
  std::vector<std::uint8_t> allowed;
  ErrorTable errors;                    // by the request's measure
  std::optional<ErrorTable> predicted;  // where that is another one than the predicted error
  bool may_be_dense = true;             // no head is fixed to something else
  std::size_t first = 0, last = 0;      // bins that are not told to be dense
  ChoiceTables tables;
  std::vector<double> dense_cost;   // [bins + 1] of the bins before
  double full_cost = 0.0;           // of everything dense
  std::vector<std::int32_t> order;  // candidates by cost
  std::string hash;                 // of the profile

  Impl(std::shared_ptr<const Profile> of, SolveRequest asked)
      : profile(std::move(of)),
        request(std::move(asked)),
        heads(heads_of(*profile)),
        dense_index(dense_candidate(*profile)),
        run(make_run(*profile, request,
                     heads.count() > kLargeModelHeads ? kMostBinsOfLargeModels : kMostBins)),
        ledger(ledger_of(profile, request)),
        prices(prices_of(*profile, ledger.costs(), request)),
        allowed(allowed_candidates(*profile, request)),
        errors(limited_errors()),
        first(run.dense_first_bins.value_or(0)),
        last(run.bins.size() - run.dense_last_bins.value_or(0)),
        tables(run, heads, prices, errors, allowed, first, last),
        order(by_cost(prices.cost)),
        hash(profile_hash(*profile)) {
    if (measure() != Measure::kError) {
      predicted.emplace(ledger, run, Measure::kError);
    }
    for (std::size_t item = 0; item < heads.count(); ++item) {
      may_be_dense = may_be_dense && allowed[item * prices.cost.size() + dense_index] != 0;
    }
    dense_cost.push_back(0.0);
    for (const Bin& bin : run.bins) {
      double cost = 0.0;
      for (const double forwards : bin.forwards_of) {
        cost += forwards * static_cast<double>(heads.per_expert);
      }
      dense_cost.push_back(dense_cost.back() + cost * prices.cost[dense_index]);
    }
    full_cost = dense_cost.back();
  }

  Measure measure() const { return request.measure.value_or(Measure::kError); }

  // Candidates above max_head_error cost infinitely much error, but for fixed heads.
  ErrorTable limited_errors() const {
    ErrorTable limited(ledger, run, measure());
    if (!request.max_head_error) {
      return limited;
    }
    const ErrorTable head_errors(ledger, run, Measure::kHeadError);
    for (std::size_t bin = 0; bin < run.bins.size(); ++bin) {
      for (std::size_t item = 0; item < heads.count(); ++item) {
        const double most =
            *request.max_head_error * run.bins[bin].forwards_of[heads.expert_of(item)];
        const std::span<const double> measured = head_errors.at(bin, item);
        for (std::size_t candidate = 0; candidate < measured.size(); ++candidate) {
          if (measured[candidate] > most && candidate != dense_index &&
              allowed[item * measured.size() + candidate] == 1) {
            limited.at(bin, item)[candidate] = kForbidden;
          }
        }
      }
    }
    return limited;
  }

  std::size_t most_segments() const {
    const std::size_t bins = last - first;
    return request.edges.empty() ? std::min(bins, static_cast<std::size_t>(request.max_segments))
                                 : bins;
  }

  bool dense_front_ends_at(std::size_t bin) const {
    return bin == first || (!run.dense_first_bins && may_be_dense);
  }
  bool dense_back_begins_at(std::size_t bin) const {
    return bin == last || (!run.dense_last_bins && may_be_dense);
  }

  // of_error: how often an error counts; 0 where cost alone decides.
  Priced at_price(double price, double of_error = 1.0) const {
    const double least_slope = price / of_error;
    const std::size_t bins = last - first;
    const std::size_t most = most_segments();
    // [segments so far][bin reached]
    std::vector<std::vector<double>> best(most + 1, std::vector<double>(bins + 1, kForbidden));
    std::vector<std::vector<std::size_t>> from(most + 1, std::vector<std::size_t>(bins + 1, 0));
    for (std::size_t bin = 0; bin <= bins; ++bin) {
      if (dense_front_ends_at(first + bin)) {
        best[0][bin] = price * dense_cost[first + bin];
      }
    }
    std::vector<double> value(bins * (bins + 1), kForbidden);
    for (std::size_t begin = 0; begin < bins; ++begin) {
      for (std::size_t end = begin + 1; end <= bins; ++end) {
        const IntervalTable& table = tables.at(first + begin, first + end);
        const std::size_t taken = table.taken_at(least_slope);
        value[begin * (bins + 1) + end] = of_error * (table.base_error - table.saved_sums[taken]) +
                                          price * (table.base_cost + table.cost_sums[taken]);
      }
    }
    for (std::size_t segment = 1; segment <= most; ++segment) {
      for (std::size_t end = 1; end <= bins; ++end) {
        for (std::size_t begin = 0; begin < end; ++begin) {
          const double sum = best[segment - 1][begin] + value[begin * (bins + 1) + end];
          if (sum < best[segment][end]) {
            best[segment][end] = sum;
            from[segment][end] = begin;
          }
        }
      }
    }
    Priced result;
    std::size_t segments = 0, end = 0;
    for (std::size_t segment = 0; segment <= most; ++segment) {
      for (std::size_t bin = 0; bin <= bins; ++bin) {
        if (!dense_back_begins_at(first + bin)) {
          continue;
        }
        const double sum = best[segment][bin] + price * (full_cost - dense_cost[first + bin]);
        if (sum < result.value) {
          result.value = sum;
          segments = segment;
          end = bin;
        }
      }
    }
    for (; segments > 0; --segments) {
      result.cuts.at.push_back(first + end);
      end = from[segments][end];
    }
    result.cuts.at.push_back(first + end);
    std::reverse(result.cuts.at.begin(), result.cuts.at.end());
    result.cost = dense_cost_of(result.cuts);
    for (std::size_t i = 0; i + 1 < result.cuts.at.size(); ++i) {
      const IntervalTable& table = tables.at(result.cuts.at[i], result.cuts.at[i + 1]);
      result.cost += table.base_cost + table.cost_sums[table.taken_at(least_slope)];
    }
    return result;
  }
  // No price finds it: where heads may not take their cheapest candidate at every step, other cuts
  // can cost next to nothing more and save much error.
  Priced cheapest() const { return at_price(1.0, 0.0); }

  double dense_cost_of(const Cuts& cuts) const {
    return dense_cost[cuts.at.front()] + full_cost - dense_cost[cuts.at.back()];
  }

  // The best within one set of cuts: hull steps by slope, those that do not fit passed over, then
  // single heads to any candidate that still fits.
  Filled fill(const Cuts& cuts, double budget) const;
  void repair(Filled& filled, double left) const;
  Solved search(double budget) const;
  std::vector<ChosenSegment> all_bins(Solved solved) const;
};

Filled Solver::Impl::fill(const Cuts& cuts, double budget) const {
  Filled filled;
  double cost = dense_cost_of(cuts);
  double error = 0.0;
  std::vector<const IntervalTable*> of_segment;
  for (std::size_t i = 0; i + 1 < cuts.at.size(); ++i) {
    of_segment.push_back(&tables.at(cuts.at[i], cuts.at[i + 1]));
    cost += of_segment.back()->base_cost;
    error += of_segment.back()->base_error;
    filled.segments.push_back(
        {.begin = cuts.at[i], .end = cuts.at[i + 1], .candidate = of_segment.back()->base});
  }
  const double most = budget * (1.0 + kRounding);
  if (cost > most) {
    return {};
  }
  // Steps above a price that fits are taken without looking at each.
  double low = 0.0, high = tables.steepest();
  for (int i = 0; i < kMostPrices && high - low > high * 1e-12; ++i) {
    const double price = (low + high) / 2.0;
    double sum = cost;
    for (const IntervalTable* table : of_segment) {
      sum += table->cost_sums[table->taken_at(price)];
    }
    (sum > most ? low : high) = price;
  }
  std::vector<std::size_t> next;
  for (std::size_t i = 0; i < of_segment.size(); ++i) {
    const IntervalTable& table = *of_segment[i];
    const std::size_t taken = table.taken_at(high);
    for (std::size_t step = 0; step < taken; ++step) {
      filled.segments[i].candidate[static_cast<std::size_t>(table.steps[step].item)] =
          table.steps[step].candidate;
    }
    cost += table.cost_sums[taken];
    error -= table.saved_sums[taken];
    next.push_back(taken);
  }
  while (most - cost >= tables.smallest_step()) {
    std::size_t steepest = of_segment.size();
    for (std::size_t i = 0; i < of_segment.size(); ++i) {
      if (next[i] < of_segment[i]->steps.size() &&
          (steepest == of_segment.size() ||
           of_segment[i]->steps[next[i]].slope >
               of_segment[steepest]->steps[next[steepest]].slope)) {
        steepest = i;
      }
    }
    if (steepest == of_segment.size()) {
      break;
    }
    const HullStep& step = of_segment[steepest]->steps[next[steepest]++];
    std::int32_t& candidate =
        filled.segments[steepest].candidate[static_cast<std::size_t>(step.item)];
    if (candidate == step.from && cost + step.cost <= most) {
      candidate = step.candidate;
      cost += step.cost;
      error -= step.saved;
    }
  }
  filled.error = error;
  repair(filled, most - cost);
  return filled;
}

void Solver::Impl::repair(Filled& filled, double left) const {
  struct Move {
    double saved = 0.0;
    double cost = 0.0;
    std::size_t segment = 0, item = 0, candidate = 0;
  };
  for (int round = 0; round < kMostRepairs; ++round) {
    Move best;
    for (std::size_t i = 0; i < filled.segments.size(); ++i) {
      const ChosenSegment& segment = filled.segments[i];
      std::vector<double> forwards(heads.experts);
      for (std::size_t bin = segment.begin; bin < segment.end; ++bin) {
        std::transform(forwards.begin(), forwards.end(), run.bins[bin].forwards_of.begin(),
                       forwards.begin(), std::plus<>());
      }
      for (std::size_t item = 0; item < heads.count(); ++item) {
        const double count = forwards[heads.expert_of(item)];
        const auto now = static_cast<std::size_t>(segment.candidate[item]);
        if (count == 0.0 || now == dense_index) {
          continue;
        }
        // A cheaper candidate has more error: the head is on its hull or above it by a repair.
        const double most_cost = prices.cost[now] + left / count;
        auto other = std::upper_bound(
            order.begin(), order.end(), prices.cost[now], [&](double cost, std::int32_t candidate) {
              return cost < prices.cost[static_cast<std::size_t>(candidate)];
            });
        for (; other != order.end(); ++other) {
          const auto candidate = static_cast<std::size_t>(*other);
          if (prices.cost[candidate] > most_cost) {
            break;
          }
          if (allowed[item * order.size() + candidate] == 0) {
            continue;
          }
          const double saved = errors.sum(segment.begin, segment.end, item, now) -
                               errors.sum(segment.begin, segment.end, item, candidate);
          if (saved > best.saved) {
            best = {.saved = saved,
                    .cost = count * (prices.cost[candidate] - prices.cost[now]),
                    .segment = i,
                    .item = item,
                    .candidate = candidate};
          }
        }
      }
    }
    if (best.saved <= 0.0) {
      return;
    }
    filled.segments[best.segment].candidate[best.item] = static_cast<std::int32_t>(best.candidate);
    filled.error -= best.saved;
    left -= best.cost;
  }
}

Solved Solver::Impl::search(double budget) const {
  const double most = budget * full_cost;
  Solved solved;
  std::vector<Cuts> tried;
  const auto look = [&](double price) {
    const Priced priced = at_price(price);
    solved.lower_bound = std::max(solved.lower_bound, priced.value - price * most);
    if (std::find(tried.begin(), tried.end(), priced.cuts) == tried.end()) {
      tried.push_back(priced.cuts);
    }
    return priced.cost;
  };
  double low = tables.steepest() * kLeastPrice, high = 2.0 * tables.steepest();
  const Priced cheapest_cuts = cheapest();
  const double least = cheapest_cuts.cost;
  require(least <= most * (1.0 + kRounding), ErrorCode::kUnsupported, "budget: ", budget,
          " is below ", exact_text(least / full_cost), ", the least that the request allows");
  look(high);
  if (look(0.0) > most) {
    while (high / low > 1.0 + kPriceRounding) {
      const double price = std::sqrt(low * high);
      (look(price) > most ? low : high) = price;
    }
  }
  // Cuts near the final price come last; older ones hardly ever win.
  const std::size_t begin = tried.size() > kMostFills ? tried.size() - kMostFills : 0;
  for (std::size_t i = begin; i < tried.size(); ++i) {
    Filled filled = fill(tried[i], most);
    if (filled.error < solved.filled.error) {
      solved.filled = std::move(filled);
      solved.cuts = tried[i];
    }
  }
  for (const Cuts& cuts : {tried.front(), cheapest_cuts.cuts}) {
    if (solved.filled.error == kForbidden) {
      solved.filled = fill(cuts, most);
      solved.cuts = cuts;
    }
  }
  return solved;
}

std::vector<ChosenSegment> Solver::Impl::all_bins(Solved solved) const {
  const auto dense_bins = [&](std::size_t begin, std::size_t end) {
    return ChosenSegment{.begin = begin,
                         .end = end,
                         .candidate = std::vector<std::int32_t>(
                             heads.count(), static_cast<std::int32_t>(dense_index))};
  };
  std::vector<ChosenSegment> all;
  if (solved.cuts.at.front() > 0) {
    all.push_back(dense_bins(0, solved.cuts.at.front()));
  }
  std::move(solved.filled.segments.begin(), solved.filled.segments.end(), std::back_inserter(all));
  if (solved.cuts.at.back() < run.bins.size()) {
    all.push_back(dense_bins(solved.cuts.at.back(), run.bins.size()));
  }
  return all;
}

Solver::Solver(std::shared_ptr<const Profile> profile, SolveRequest request) {
  TWILL_ASSERT(profile != nullptr);
  check_profile(*profile);
  impl_ = std::make_unique<const Impl>(std::move(profile), std::move(request));
}

Solver::~Solver() = default;
Solver::Solver(Solver&&) noexcept = default;
Solver& Solver::operator=(Solver&&) noexcept = default;

double Solver::least_budget() const {
  return std::min(1.0, impl_->cheapest().cost / impl_->full_cost);
}

SolveResult Solver::solve() const { return solve(impl_->request.budget); }

SolveResult Solver::solve(double budget) const {
  require(budget > 0.0 && budget <= 1.0, ErrorCode::kUsage, "budget: ", budget,
          " is not in (0, 1]");
  Solved solved = impl_->search(budget);
  const double lower_bound = solved.lower_bound;
  SolveResult result =
      result_of(impl_->ledger, impl_->profile, impl_->request, impl_->run, impl_->prices,
                impl_->predicted ? *impl_->predicted : impl_->errors,
                impl_->all_bins(std::move(solved)), "solver", impl_->hash);
  result.lower_bound = impl_->predicted ? 0.0 : std::min(lower_bound, result.predicted_error);
  result.plan.budget = Budget{
      .goal = goal_of(impl_->request.budget_kind), .value = budget, .density = result.density};
  return result;
}

double Solver::budget_for_quality(double quality) const {
  require(quality >= 0.0 && quality <= 1.0, ErrorCode::kUsage, "quality: ", quality,
          " is outside 0..1");
  const double least = std::max(least_budget(), kLeastBudget);
  return std::min(1.0, least + quality * (1.0 - least));
}

std::vector<FrontPoint> Solver::pareto_front(std::int32_t points) const {
  require(points >= 2, ErrorCode::kUsage, "points: ", points, " is below 2");
  std::vector<FrontPoint> front;
  for (std::int32_t i = 0; i < points; ++i) {
    FrontPoint point{.quality = static_cast<double>(i) / (points - 1)};
    point.budget = budget_for_quality(point.quality);
    const SolveResult solved = solve(point.budget);
    point.density = solved.density;
    point.attention_share = solved.attention_share;
    point.predicted_error = solved.predicted_error;
    point.clip_error = impl_->ledger.clip_error(solved.plan);
    front.push_back(point);
  }
  return front;
}

SolveResult solve(std::shared_ptr<const Profile> profile, const SolveRequest& request) {
  return Solver(std::move(profile), request).solve();
}

}  // namespace twill::search
