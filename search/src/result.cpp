// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <map>

#include "exact_text.h"
#include "run_bins.h"
#include "twill/plan/error.h"
#include "twill/plan/experts.h"

namespace twill::search {
namespace {

// Where no forward of a segment runs an expert, its heads do as in the nearest segment where one
// does, else they are dense.
void fill_idle_experts(std::vector<ChosenSegment>& segments, const BinnedRun& run,
                       const Heads& heads, std::size_t dense_index) {
  const auto busy = [&](const ChosenSegment& segment, std::size_t expert) {
    return std::any_of(run.bins.begin() + static_cast<std::ptrdiff_t>(segment.begin),
                       run.bins.begin() + static_cast<std::ptrdiff_t>(segment.end),
                       [&](const Bin& bin) { return bin.forwards_of[expert] > 0.0; });
  };
  for (std::size_t expert = 0; expert < heads.experts; ++expert) {
    for (std::size_t i = 0; i < segments.size(); ++i) {
      if (busy(segments[i], expert)) {
        continue;
      }
      std::size_t nearest = segments.size();
      const auto distance = [&](std::size_t other) { return other > i ? other - i : i - other; };
      for (std::size_t other = 0; other < segments.size(); ++other) {
        if (busy(segments[other], expert) &&
            (nearest == segments.size() || distance(other) < distance(nearest))) {
          nearest = other;
        }
      }
      for (std::size_t item = expert * heads.per_expert; item < (expert + 1) * heads.per_expert;
           ++item) {
        const bool found = nearest < segments.size();
        segments[i].candidate[item] =
            found ? segments[nearest].candidate[item] : static_cast<std::int32_t>(dense_index);
        segments[i].precision[item] = found ? segments[nearest].precision[item] : Precision::kBf16;
      }
    }
  }
}

// Distinct patterns in the order of the candidates.
std::vector<std::int32_t> plan_patterns(const Profile& profile,
                                        const std::vector<ChosenSegment>& segments,
                                        std::size_t dense_index, Plan& plan) {
  std::vector<bool> used(profile.candidates.size(), false);
  for (const ChosenSegment& segment : segments) {
    for (const std::int32_t candidate : segment.candidate) {
      used[static_cast<std::size_t>(candidate)] = true;
    }
  }
  used[dense_index] = true;  // so that an all-dense plan has a table too
  std::vector<std::int32_t> index(profile.candidates.size(), -1);
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (used[i]) {
      index[i] = static_cast<std::int32_t>(plan.patterns.size());
      plan.patterns.push_back(profile.candidates[i]);
    }
  }
  return index;
}

// Of every step: the branches of the guidance are one.
RunFacts facts_of(const Profile& profile, const SolveRequest& request) {
  const TokenLayout layout = request.layout.value_or(profile.layout);
  RunFacts run{.sampler = request.sampler,
               .scheduler = request.scheduler,
               .shift = request.shift,
               .grid = {layout.frames, layout.rows, layout.cols}};
  for (const Forward& forward : request.forwards) {
    if (run.t.empty() || forward.t != run.t.back()) {
      run.t.push_back(forward.t);
      run.expert.push_back(forward.expert);
      run.weight.push_back(forward.weight);
    }
  }
  run.steps = static_cast<std::int32_t>(run.t.size());
  // Only what nobody can tell from t.
  const bool branches = run.t.size() != request.forwards.size();
  if (branches || forwards_of_run(run.t, run.expert) == request.forwards) {
    run.weight.clear();
  }
  if (profile.model.experts.size() == 1) {
    run.expert.clear();
  }
  return run;
}

}  // namespace

bool all_dense(const ChosenSegment& segment, std::size_t dense_index) {
  return std::all_of(segment.candidate.begin(), segment.candidate.end(), [&](std::int32_t one) {
    return static_cast<std::size_t>(one) == dense_index;
  });
}

SolveResult result_of(const Ledger& ledger, std::shared_ptr<const Profile> profile,
                      const SolveRequest& request, const BinnedRun& run, const Prices& prices,
                      const ErrorTable& errors, std::vector<ChosenSegment> segments,
                      const std::string& strategy, const std::string& hash) {
  const Heads heads = heads_of(*profile);
  const std::size_t dense_index = dense_candidate(*profile);
  SolveResult result{
      .plan = {},
      .predicted_error = choose_precision(ledger, run, prices, request, errors, segments)};
  fill_idle_experts(segments, run, heads, dense_index);

  double cells = 0.0, milliseconds = 0.0;
  bool dense_so_far = true;
  for (const ChosenSegment& segment : segments) {
    const bool is_dense = all_dense(segment, dense_index);
    dense_so_far = dense_so_far && is_dense;
    result.dense_last_steps = is_dense ? result.dense_last_steps : 0;
    for (std::size_t i = segment.begin; i < segment.end; ++i) {
      const Bin& bin = run.bins[i];
      result.dense_first_steps += dense_so_far ? bin.steps : 0;
      result.dense_last_steps += is_dense ? bin.steps : 0;
      for (std::size_t item = 0; item < heads.count(); ++item) {
        const auto candidate = static_cast<std::size_t>(segment.candidate[item]);
        const double forwards = bin.forwards_of[heads.expert_of(item)];
        cells += forwards * prices.costs.density[candidate];
        if (!prices.costs.milliseconds.empty()) {
          milliseconds += forwards * prices.costs.milliseconds[candidate];
        }
        result.predicted_error += errors.at(i, item)[candidate];
      }
    }
  }
  const double head_forwards =
      static_cast<double>(run.forwards) * static_cast<double>(heads.per_expert);
  result.density = cells / head_forwards;
  result.attention_share =
      prices.costs.milliseconds.empty()
          ? result.density
          : milliseconds / (head_forwards * prices.costs.milliseconds[dense_index]);

  Plan& plan = result.plan;
  plan.name = request.name;
  plan.model = profile->model;
  const std::vector<std::int32_t> index = plan_patterns(*profile, segments, dense_index, plan);
  double t_end = 1.0;
  for (const ChosenSegment& chosen : segments) {
    Segment segment{.t_begin = run.bins[chosen.end - 1].edge_below,
                    .t_end = t_end,
                    .dense = all_dense(chosen, dense_index),
                    .heads = {}};
    t_end = segment.t_begin;
    for (std::size_t expert = 0; !segment.dense && expert < heads.experts; ++expert) {
      segment.heads.emplace_back();
      for (std::size_t head = 0; head < heads.per_expert; ++head) {
        const auto candidate =
            static_cast<std::size_t>(chosen.candidate[expert * heads.per_expert + head]);
        segment.heads.back().push_back(
            {.pattern = index[candidate],
             .precision = chosen.precision[expert * heads.per_expert + head]});
      }
    }
    if (!plan.segments.empty() && plan.segments.back().dense == segment.dense &&
        plan.segments.back().heads == segment.heads) {
      plan.segments.back().t_begin = segment.t_begin;
    } else {
      plan.segments.push_back(std::move(segment));
    }
  }
  std::reverse(plan.segments.begin(), plan.segments.end());
  const TokenLayout layout = request.layout.value_or(profile->layout);
  plan.solved_for = facts_of(*profile, request);
  if (heads.experts == 2) {
    plan.expert_boundary = expert_boundary(*profile);
  }
  plan.provenance = {{"source", "twill search"},
                     {"strategy", strategy},
                     {"profile", hash},
                     {"forwards", std::to_string(run.forwards)},
                     {"layout", exact_text(layout)},
                     {"density", exact_text(result.density)},
                     {"predicted_error", exact_text(result.predicted_error)}};
  if (request.attach_profile) {
    plan.profile = std::move(profile);
  }
  check_plan(plan);
  return result;
}

}  // namespace twill::search
