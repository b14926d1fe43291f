// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "probing.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "twill/plan/error.h"
#include "twill/search/calibration.h"
#include "twill/search/ledger.h"
#include "twill/search/solver.h"

namespace twill::search {
namespace {

// Sparse enough to be seen in the clip, dense enough that errors still add up.
constexpr double kProbeDensity = 0.3;
// The MSE of two equal 8-bit clips is below what rounding hides.
constexpr double kLeastMse = 1e-3;

// forwards: those within the stretch, each of which counts alike.
Plan probe_plan(std::shared_ptr<const Profile> profile, std::vector<Forward> forwards, double begin,
                double end) {
  const double middle = forwards[forwards.size() / 2].t;
  for (Forward& forward : forwards) {
    forward.weight = 1.0;
  }
  const SolveRequest request{.forwards = std::move(forwards),
                             .budget = kProbeDensity,
                             .max_segments = 1,
                             .dense_first_steps = 0,
                             .dense_last_steps = 0,
                             .name = concat("sparse in t (", begin, ", ", end, "]")};
  Plan plan = solve(std::move(profile), request).plan;
  Segment inside = plan.segments[static_cast<std::size_t>(segment_at(plan, middle))];
  inside.t_begin = begin;
  inside.t_end = end;
  plan.segments.clear();
  if (begin > 0.0) {
    plan.segments.push_back({.t_begin = 0.0, .t_end = begin, .dense = true});
  }
  plan.segments.push_back(std::move(inside));
  if (end < 1.0) {
    plan.segments.push_back({.t_begin = end, .t_end = 1.0, .dense = true});
  }
  return plan;
}

}  // namespace

ProbeSeries::ProbeSeries(std::shared_ptr<const Profile> profile, const RunFacts& run,
                         std::int32_t probes)
    : profile_(std::move(profile)),
      forwards_(forwards_of_run(*profile_,
                                SolvedFor{.t = run.t, .expert = run.expert, .weight = run.weight})),
      edges_(stretch_edges(run.t, probes)) {
  for (std::size_t bin = 0; bin + 1 < edges_.size(); ++bin) {
    std::vector<Forward> inside;
    std::copy_if(
        forwards_.begin(), forwards_.end(), std::back_inserter(inside),
        [&](const Forward& each) { return each.t > edges_[bin] && each.t <= edges_[bin + 1]; });
    plans_.push_back(std::make_shared<Plan>(
        probe_plan(profile_, std::move(inside), edges_[bin], edges_[bin + 1])));
  }
}

ProbeSeries::Fitted ProbeSeries::fit(const std::vector<double>& psnr_db) const {
  const auto ledger_with = [&](const TimeWeight& weight) {
    return Ledger(profile_, forwards_, weight, profile_->layout);
  };
  // Its w(t) is left out of what the bins are asked for.
  const Ledger ledger = ledger_with(default_time_weight());
  std::vector<Probe> probes;
  for (std::size_t i = 0; i < plans_.size(); ++i) {
    probes.push_back({.error_by_time = ledger.error_by_time(*plans_[i], edges_),
                      .clip_mse = std::max(kLeastMse, mse_of(psnr_db[i]))});
  }
  Fitted fitted{.weight = calibrate(probes, edges_).weight, .measured = {}};
  const Ledger calibrated = ledger_with(fitted.weight);
  for (std::size_t i = 0; i < plans_.size(); ++i) {
    fitted.measured.push_back({.name = plans_[i]->name,
                               .predicted = calibrated.error(*plans_[i]),
                               .clip_mse = probes[i].clip_mse});
  }
  return fitted;
}

}  // namespace twill::search
