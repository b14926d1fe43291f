// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "choice_tables.h"

#include <algorithm>
#include <numeric>

#include "twill/plan/error.h"

namespace twill::search {
namespace {

struct HullPoint {
  double cost = 0.0;
  double error = 0.0;
  std::int32_t candidate = 0;
};

// The lower left hull: costs rise, errors fall, slopes flatten.
void hull_of(std::span<const double> error, const std::vector<double>& cost,
             const std::vector<std::int32_t>& order, std::vector<HullPoint>& hull) {
  hull.clear();
  for (const std::int32_t candidate : order) {
    const HullPoint point{.cost = cost[static_cast<std::size_t>(candidate)],
                          .error = error[static_cast<std::size_t>(candidate)],
                          .candidate = candidate};
    if (point.error == kForbidden || (!hull.empty() && point.error >= hull.back().error)) {
      continue;
    }
    if (!hull.empty() && hull.back().cost == point.cost) {
      hull.pop_back();
    }
    while (hull.size() >= 2) {
      const HullPoint& last = hull.back();
      const HullPoint& before = hull[hull.size() - 2];
      if ((before.error - last.error) * (point.cost - before.cost) >
          (before.error - point.error) * (last.cost - before.cost)) {
        break;
      }
      hull.pop_back();
    }
    hull.push_back(point);
  }
}

void finish(IntervalTable& table) {
  std::stable_sort(table.steps.begin(), table.steps.end(),
                   [](const HullStep& a, const HullStep& b) { return a.slope > b.slope; });
  table.cost_sums.push_back(0.0);
  table.saved_sums.push_back(0.0);
  for (const HullStep& step : table.steps) {
    table.cost_sums.push_back(table.cost_sums.back() + step.cost);
    table.saved_sums.push_back(table.saved_sums.back() + step.saved);
  }
}

}  // namespace

std::vector<std::int32_t> by_cost(const std::vector<double>& cost) {
  std::vector<std::int32_t> order(cost.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return cost[static_cast<std::size_t>(a)] < cost[static_cast<std::size_t>(b)];
  });
  return order;
}

std::size_t IntervalTable::taken_at(double price) const {
  const auto end = std::partition_point(steps.begin(), steps.end(),
                                        [&](const HullStep& step) { return step.slope > price; });
  return static_cast<std::size_t>(end - steps.begin());
}

ChoiceTables::ChoiceTables(const BinnedRun& run, const Heads& heads, const Prices& prices,
                           const ErrorTable& errors, const std::vector<std::uint8_t>& allowed,
                           std::size_t first, std::size_t last)
    : first_(first), last_(last), tables_((last - first) * (last - first)) {
  const std::size_t candidates = prices.cost.size();
  const std::vector<std::int32_t> order = by_cost(prices.cost);
  std::vector<double> sums(heads.count() * candidates);
  std::vector<HullPoint> hull;
  for (std::size_t begin = first; begin < last; ++begin) {
    for (std::size_t i = 0; i < sums.size(); ++i) {
      sums[i] = allowed[i] != 0 ? 0.0 : kForbidden;
    }
    std::vector<double> forwards(heads.experts);
    for (std::size_t end = begin + 1; end <= last; ++end) {
      IntervalTable& table = tables_[(begin - first_) * (last_ - first_) + (end - 1 - first_)];
      for (std::size_t expert = 0; expert < heads.experts; ++expert) {
        forwards[expert] += run.bins[end - 1].forwards_of[expert];
      }
      table.base.resize(heads.count());
      for (std::size_t item = 0; item < heads.count(); ++item) {
        const std::span<double> sum(sums.data() + item * candidates, candidates);
        const std::span<const double> added = errors.at(end - 1, item);
        for (std::size_t i = 0; i < candidates; ++i) {
          sum[i] += added[i];
        }
        hull_of(sum, prices.cost, order, hull);
        TWILL_ASSERT(!hull.empty());
        const double count = forwards[heads.expert_of(item)];
        table.base[item] = hull.front().candidate;
        table.base_cost += count * hull.front().cost;
        table.base_error += hull.front().error;
        for (std::size_t i = 1; i < hull.size() && count > 0.0; ++i) {
          const double cost = count * (hull[i].cost - hull[i - 1].cost);
          const double saved = hull[i - 1].error - hull[i].error;
          smallest_step_ = std::min(smallest_step_, cost);
          table.steps.push_back({.slope = saved / cost,
                                 .cost = cost,
                                 .saved = saved,
                                 .item = static_cast<std::int32_t>(item),
                                 .candidate = hull[i].candidate,
                                 .from = hull[i - 1].candidate});
        }
      }
      finish(table);
      if (!table.steps.empty()) {
        steepest_ = std::max(steepest_, table.steps.front().slope);
      }
    }
  }
}

}  // namespace twill::search
