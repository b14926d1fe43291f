// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "run_bins.h"

#include <algorithm>
#include <cmath>

#include "twill/plan/error.h"

namespace twill::search {
namespace {

void check_forwards(const Profile& profile, const std::vector<Forward>& forwards) {
  require(!forwards.empty(), ErrorCode::kUsage, "forwards: there are none");
  for (std::size_t i = 0; i < forwards.size(); ++i) {
    const Forward& forward = forwards[i];
    require(forward.t >= 0.0 && forward.t <= 1.0, ErrorCode::kUsage, "forwards[", i,
            "].t: ", forward.t, " is outside 0..1");
    require(i == 0 || forward.t <= forwards[i - 1].t, ErrorCode::kUsage, "forwards[", i,
            "].t: ", forward.t, " is above the one before");
    require(forward.expert >= 0 &&
                forward.expert < static_cast<std::int32_t>(profile.model.experts.size()),
            ErrorCode::kUsage, "forwards[", i, "].expert: ", forward.expert, " is not one of 0..",
            profile.model.experts.size() - 1);
    require(std::isfinite(forward.weight) && forward.weight >= 0.0, ErrorCode::kUsage, "forwards[",
            i, "].weight: ", forward.weight, " is not a finite number of at least 0");
  }
}

void check_request(const SolveRequest& request) {
  check_time_weight(request.weight);
  require(request.max_segments >= 1 && request.max_segments <= 64, ErrorCode::kUsage,
          "max_segments: ", request.max_segments, " is outside 1..64");
  require(request.edges.size() < 64, ErrorCode::kUsage, "edges: ", request.edges.size(),
          " are more than 63");
  for (std::size_t i = 0; i < request.edges.size(); ++i) {
    require(request.edges[i] > 0.0 && request.edges[i] < 1.0, ErrorCode::kUsage, "edges[", i,
            "]: ", request.edges[i], " is not between 0 and 1");
    require(i == 0 || request.edges[i] > request.edges[i - 1], ErrorCode::kUsage, "edges[", i,
            "]: ", request.edges[i], " is not above the one before");
  }
  if (request.max_head_error) {
    require(*request.max_head_error >= 0.0, ErrorCode::kUsage,
            "max_head_error: ", *request.max_head_error, " is not a number of at least 0");
  }
  require(std::isfinite(request.int8_error_share) && request.int8_error_share >= 0.0,
          ErrorCode::kUsage, "int8_error_share: ", request.int8_error_share,
          " is not a finite number of at least 0");
  for (const auto& [name, steps] : {std::pair("dense_first_steps", request.dense_first_steps),
                                    std::pair("dense_last_steps", request.dense_last_steps)}) {
    require(!steps || *steps >= 0, ErrorCode::kUsage, name, ": ", steps.value_or(0),
            " is negative");
  }
}

// The number with the fewest decimals between two times, so that plans read well.
double edge_between(double below, double above) {
  const double middle = (below + above) / 2.0;
  for (double scale = 10.0; scale < 1e7; scale *= 10.0) {
    const double rounded = std::round(middle * scale) / scale;
    if (rounded > below && rounded < above) {
      return rounded;
    }
  }
  return middle;
}

// Whether a new bin begins at step i, [steps].
std::vector<bool> bin_begins(const std::vector<double>& t, const SolveRequest& request,
                             std::size_t first, std::size_t last, std::size_t most_bins) {
  const std::size_t steps = t.size();
  std::vector<bool> begins(steps, false);
  const auto mark = [&](std::size_t step) {
    if (step < steps) {
      begins[step] = true;
    }
  };
  mark(0);
  mark(first);
  mark(steps - last);
  const std::size_t free = steps - first - last;
  if (request.edges.empty()) {
    const std::size_t bins = std::min(free, most_bins);
    for (std::size_t bin = 0; bin < bins; ++bin) {
      mark(first + bin * free / bins);
    }
    return begins;
  }
  for (std::size_t step = 1; step < steps; ++step) {
    const bool crossed = std::any_of(request.edges.begin(), request.edges.end(), [&](double edge) {
      return t[step - 1] > edge && t[step] <= edge;
    });
    if (crossed && step > first && step < steps - last) {
      begins[step] = true;
    }
  }
  return begins;
}

}  // namespace

Heads heads_of(const Profile& profile) {
  return {.experts = profile.model.experts.size(), .per_expert = profile.heads()};
}

BinnedRun make_run(const Profile& profile, const SolveRequest& request, std::size_t most_bins) {
  check_forwards(profile, request.forwards);
  check_request(request);
  require(request.int8_error_share == 0.0 || !profile.int8_error.empty(), ErrorCode::kUsage,
          "int8_error_share: ", request.int8_error_share,
          ", but the profile does not know what int8 loses; search with it");
  std::vector<std::vector<Forward>> steps;
  std::vector<double> t;
  for (const Forward& forward : request.forwards) {
    if (t.empty() || forward.t != t.back()) {
      t.push_back(forward.t);
      steps.emplace_back();
    }
    steps.back().push_back(forward);
  }
  const auto first = static_cast<std::size_t>(request.dense_first_steps.value_or(0));
  const auto last = static_cast<std::size_t>(request.dense_last_steps.value_or(0));
  require(first + last <= t.size(), ErrorCode::kUsage, "dense_first_steps ", first,
          " and dense_last_steps ", last, " are more than the ", t.size(), " steps of the run");

  BinnedRun run{.bins = {},
                .steps = static_cast<std::int32_t>(t.size()),
                .forwards = request.forwards.size(),
                .dense_first_bins = {},
                .dense_last_bins = {}};
  const std::vector<bool> begins = bin_begins(t, request, first, last, most_bins);
  for (std::size_t step = 0; step < t.size(); ++step) {
    if (begins[step]) {
      run.bins.emplace_back();
      run.bins.back().t_first = t[step];
      run.bins.back().forwards_of.resize(profile.model.experts.size());
    }
    Bin& bin = run.bins.back();
    bin.t_last = t[step];
    ++bin.steps;
    for (const Forward& forward : steps[step]) {
      bin.forwards.push_back(forward);
      bin.forwards_of[static_cast<std::size_t>(forward.expert)] += 1.0;
    }
  }
  for (std::size_t i = 0; i + 1 < run.bins.size(); ++i) {
    const double above = run.bins[i].t_last, below = run.bins[i + 1].t_first;
    const auto told = std::find_if(request.edges.begin(), request.edges.end(),
                                   [&](double edge) { return edge >= below && edge < above; });
    run.bins[i].edge_below = told != request.edges.end() ? *told : edge_between(below, above);
  }
  if (request.dense_first_steps) {
    run.dense_first_bins = first > 0 ? 1 : 0;
  }
  if (request.dense_last_steps) {
    run.dense_last_bins = last > 0 ? 1 : 0;
  }
  return run;
}

ErrorTable::ErrorTable(const Ledger& ledger, const BinnedRun& run, Measure measure)
    : items_(heads_of(ledger.profile()).count()),
      candidates_(ledger.profile().candidates.size()),
      values_(run.bins.size() * items_ * candidates_) {
  const Heads heads = heads_of(ledger.profile());
  for (std::size_t bin = 0; bin < run.bins.size(); ++bin) {
    for (std::size_t expert = 0; expert < heads.experts; ++expert) {
      const TimeShares shares = ledger.shares(measure, run.bins[bin].forwards, expert);
      for (std::size_t head = 0; head < heads.per_expert; ++head) {
        ledger.add(measure, shares, expert, head, at(bin, expert * heads.per_expert + head));
      }
    }
  }
}

double ErrorTable::sum(std::size_t begin, std::size_t end, std::size_t item,
                       std::size_t candidate) const {
  double total = 0.0;
  for (std::size_t bin = begin; bin < end; ++bin) {
    total += at(bin, item)[candidate];
  }
  return total;
}

Ledger ledger_of(std::shared_ptr<const Profile> profile, const SolveRequest& request) {
  const TokenLayout layout = request.layout.value_or(profile->layout);
  return Ledger(std::move(profile), request.forwards, request.weight, layout);
}

Prices prices_of(const Profile& profile, CandidateCosts costs, const SolveRequest& request) {
  Prices prices{.cost = {}, .costs = std::move(costs)};
  if (request.budget_kind == BudgetKind::kDensity) {
    prices.cost = prices.costs.density;
    return prices;
  }
  require(!prices.costs.milliseconds.empty(), ErrorCode::kUsage,
          "budget_kind: attention_share needs a cost table, which the profile lacks");
  const double dense_ms = prices.costs.milliseconds[dense_candidate(profile)];
  require(dense_ms > 0.0, ErrorCode::kModel, "the profile's cost table gives dense ", dense_ms,
          " ms");
  for (const double milliseconds : prices.costs.milliseconds) {
    prices.cost.push_back(milliseconds / dense_ms);
  }
  return prices;
}

std::size_t dense_layer_heads(const Profile& profile, const SolveRequest& request) {
  std::int32_t left = request.dense_first_layers;
  require(left >= 0, ErrorCode::kUsage, "dense_first_layers: ", left, " is negative");
  std::size_t heads = 0;
  for (const StackShape& stack : profile.model.stacks) {
    const std::int32_t taken = std::min(left, stack.layers);
    heads += static_cast<std::size_t>(taken) * static_cast<std::size_t>(stack.heads);
    left -= taken;
  }
  require(left == 0, ErrorCode::kUsage, "dense_first_layers: ", request.dense_first_layers,
          " is more than the model's ", request.dense_first_layers - left, " layers");
  return heads;
}

namespace {

// Calls take(item) for each head that fixed heads name, all experts in one line.
template <typename Take>
void for_each_item(const Profile& profile, const FixedHeads& fixed, const Take& take) {
  const Heads heads = heads_of(profile);
  const StackShape& stack = profile.model.stacks[static_cast<std::size_t>(fixed.stack)];
  const auto named = [](std::int32_t told, std::size_t index) {
    return told < 0 || static_cast<std::size_t>(told) == index;
  };
  for (std::size_t expert = 0; expert < heads.experts; ++expert) {
    for (std::int32_t layer = 0; layer < stack.layers; ++layer) {
      for (std::int32_t head = 0; head < stack.heads; ++head) {
        if (named(fixed.expert, expert) && named(fixed.layer, static_cast<std::size_t>(layer)) &&
            named(fixed.head, static_cast<std::size_t>(head))) {
          take(expert * heads.per_expert +
               static_cast<std::size_t>(head_index(profile.model, fixed.stack, layer, head)));
        }
      }
    }
  }
}

}  // namespace

std::vector<std::optional<Precision>> told_precision(const Profile& profile,
                                                     const SolveRequest& request) {
  const Heads heads = heads_of(profile);
  std::vector<std::optional<Precision>> told(heads.count());
  for (const FixedHeads& fixed : request.fixed) {
    for_each_item(profile, fixed, [&](std::size_t item) { told[item] = fixed.precision; });
  }
  const std::size_t dense_heads = dense_layer_heads(profile, request);
  for (std::size_t item = 0; item < heads.count(); ++item) {
    if (item % heads.per_expert < dense_heads) {
      told[item] = Precision::kBf16;
    }
  }
  return told;
}

std::vector<std::uint8_t> allowed_candidates(const Profile& profile, const SolveRequest& request) {
  const Heads heads = heads_of(profile);
  const std::size_t candidates = profile.candidates.size();
  std::vector<std::uint8_t> allowed(heads.count() * candidates, 1);
  for (const PatternKind kind : request.forbidden) {
    require(kind != PatternKind::kDense, ErrorCode::kUsage, "forbidden: dense cannot be");
    for (std::size_t i = 0; i < allowed.size(); ++i) {
      if (profile.candidates[i % candidates].kind == kind) {
        allowed[i] = 0;
      }
    }
  }
  // Sparse, but slower than dense here. A table that does not fit is refused where it sets prices.
  const std::vector<double>& measured = profile.cost.milliseconds;
  if (measured.size() == candidates) {
    const std::size_t dense_index = dense_candidate(profile);
    for (std::size_t i = 0; i < allowed.size(); ++i) {
      if (i % candidates != dense_index && measured[i % candidates] >= measured[dense_index]) {
        allowed[i] = 0;
      }
    }
  }
  for (std::size_t i = 0; i < request.fixed.size(); ++i) {
    const FixedHeads& fixed = request.fixed[i];
    const auto found =
        std::find(profile.candidates.begin(), profile.candidates.end(), fixed.pattern);
    require(found != profile.candidates.end(), ErrorCode::kUsage, "fixed[", i, "].pattern: \"",
            describe(fixed.pattern), "\" is no candidate of the profile");
    const auto check = [&](const char* name, std::int32_t value, std::size_t count) {
      require(value >= -1 && value < static_cast<std::int32_t>(count), ErrorCode::kUsage, "fixed[",
              i, "].", name, ": ", value, " is not one of 0..", count - 1, " nor -1");
    };
    check("expert", fixed.expert, heads.experts);
    require(
        fixed.stack >= 0 && fixed.stack < static_cast<std::int32_t>(profile.model.stacks.size()),
        ErrorCode::kUsage, "fixed[", i, "].stack: ", fixed.stack, " is not one of 0..",
        profile.model.stacks.size() - 1);
    const StackShape& stack = profile.model.stacks[static_cast<std::size_t>(fixed.stack)];
    check("layer", fixed.layer, static_cast<std::size_t>(stack.layers));
    check("head", fixed.head, static_cast<std::size_t>(stack.heads));
    for_each_item(profile, fixed, [&](std::size_t item) {
      std::fill_n(allowed.begin() + static_cast<std::ptrdiff_t>(item * candidates), candidates,
                  std::uint8_t{0});
      allowed[item * candidates + static_cast<std::size_t>(found - profile.candidates.begin())] = 2;
    });
  }
  const std::size_t dense_heads = dense_layer_heads(profile, request);
  const std::size_t dense_index = dense_candidate(profile);
  for (std::size_t item = 0; item < heads.count(); ++item) {
    if (item % heads.per_expert < dense_heads) {
      std::fill_n(allowed.begin() + static_cast<std::ptrdiff_t>(item * candidates), candidates,
                  std::uint8_t{0});
      allowed[item * candidates + dense_index] = 2;
    }
  }
  return allowed;
}

}  // namespace twill::search
