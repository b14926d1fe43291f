// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "probing.h"

#include <algorithm>

#include "twill/plan/error.h"
#include "twill/report/statistics.h"
#include "twill/search/ledger.h"
#include "twill/search/solver.h"

namespace twill::jobs {
namespace {

// Sparse enough to be seen in the clip, dense enough that errors still add up.
constexpr double kProbeDensity = 0.3;
// The MSE of two equal 8-bit clips is below what rounding hides.
constexpr double kLeastMse = 1e-3;

Plan probe_plan(std::shared_ptr<const Profile> profile, const std::vector<double>& times,
                double begin, double end) {
  const search::SolveRequest request{.forwards = search::forwards_at(times),
                                     .budget = kProbeDensity,
                                     .max_segments = 1,
                                     .dense_first_steps = 0,
                                     .dense_last_steps = 0,
                                     .name = concat("sparse in t (", begin, ", ", end, "]")};
  Plan plan = search::solve(std::move(profile), request).plan;
  Segment inside =
      plan.segments[static_cast<std::size_t>(segment_at(plan, times[times.size() / 2]))];
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

std::vector<double> stretch_edges(const std::vector<double>& step_t, std::int32_t bins) {
  const std::size_t steps = step_t.size();
  const std::size_t count = std::min(static_cast<std::size_t>(bins), steps);
  std::vector<double> edges{0.0};
  for (std::size_t bin = count - 1; bin > 0; --bin) {
    const std::size_t first = bin * steps / count;  // of the stretch below
    edges.push_back((step_t[first - 1] + step_t[first]) / 2);
  }
  edges.push_back(1.0);
  return edges;
}

TimeCalibration calibrate_time_weight(const Session& session,
                                      std::shared_ptr<const Profile> profile,
                                      const EncodedPrompt& prompt, std::uint64_t seed,
                                      std::int32_t probes, KeptQuality& quality) {
  const std::vector<double> edges = stretch_edges(session.step_t(), probes);
  const std::vector<search::Forward> forwards = search::forwards_of_run(*profile, session.step_t());
  const auto ledger_with = [&](const search::TimeWeight& weight) {
    return search::Ledger(profile, forwards, weight, session.layout());
  };
  // Its w(t) is left out of what the bins are asked for.
  const search::Ledger ledger = ledger_with(search::default_time_weight());
  std::vector<search::Probe> measured;
  std::vector<Plan> plans;
  TimeCalibration result;
  for (std::size_t bin = 0; bin + 1 < edges.size(); ++bin) {
    std::vector<double> times;
    for (const double t : session.step_t()) {
      if (t > edges[bin] && t <= edges[bin + 1]) {
        times.push_back(t);
      }
    }
    plans.push_back(probe_plan(profile, times, edges[bin], edges[bin + 1]));
    const media::ClipQuality found = quality.measure(
        plans.back(), prompt, seed, concat("probe ", bin + 1, " of ", edges.size() - 1));
    measured.push_back({.error_by_time = ledger.error_by_time(plans.back(), edges),
                        .clip_mse = std::max(kLeastMse, report::mse_of(found.psnr_db))});
  }
  result.weight = search::calibrate(measured, edges).weight;
  const search::Ledger calibrated = ledger_with(result.weight);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    result.probes.push_back({.name = plans[i].name,
                             .predicted = calibrated.error(plans[i]),
                             .measured_mse = measured[i].clip_mse});
  }
  return result;
}

}  // namespace twill::jobs
