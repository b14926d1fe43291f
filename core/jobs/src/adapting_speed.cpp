// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <vector>

#include "adapting_attention.h"
#include "call_measurer.h"
#include "meter.h"
#include "twill/engine/device.h"
#include "twill/jobs/estimate.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/plan/sampler_times.h"
#include "twill/search/adaptive_run.h"
#include "twill/search/carried_profile.h"

namespace twill::jobs {
namespace {

// As many tokens as measure_speed's clip; what a forward's measuring takes grows with their number,
// for the sampled queries are as many at every size.
constexpr TokenLayout kSmall{.frames = 5, .rows = 16, .cols = 16};
constexpr std::int32_t kMostLayers = 3;  // the quickest counts: other programs share the machine

double seconds_of_layer(const Plan& plan, const std::vector<double>& t,
                        const report::ClipSettings& clip, const JobControl& control) {
  const StackShape& stack = plan.model.stacks.front();
  const std::array<std::int64_t, 4> shape{1, stack.heads, kSmall.tokens(), plan.model.head_dim};
  const c10::Device device = engine::choose_device();
  const auto random = [&] {
    return at::randn(shape).to(device, device.is_cpu() ? at::kFloat : engine::choose_dtype(device));
  };
  const at::Tensor q = random();
  const at::Tensor k = random();
  const at::Tensor v = random();
  search::AdaptiveRun run(plan.profile, adapting_request(plan, t, kSmall, 1.0), clip.threads,
                          control.stop);
  const std::unique_ptr<CallMeasurer> measurer =
      measurer_on(device, measuring_task(run, kSmall.tokens()), {});
  double best = std::numeric_limits<double>::infinity();
  for (std::int32_t layer = 0; layer < std::min(stack.layers, kMostLayers); ++layer) {
    const Clock::time_point begin = Clock::now();
    std::visit([&](const auto& call) { run.observe({.layer = layer}, call.view()); },
               measurer->show(q, k, v, run.rows()));
    best = std::min(best, seconds_since(begin));
  }
  return best;
}

}  // namespace

AdaptingSpeed measure_adapting(const ModelFacts& facts, const report::ClipSettings& settings,
                               const Plan& plan, const JobControl& control) {
  const report::ClipSettings clip = with_defaults(settings, facts);
  const ModelFamily& family = model_family(facts.shape.family);
  report::check_clip_settings(clip, family);
  check_plan_fits(plan, facts.shape);
  check_can_adapt(plan);
  const TokenLayout layout = family.grid({*clip.width, *clip.height, *clip.frames});
  const std::vector<double> t = sampler_t(*clip.sampler, *clip.steps, *clip.shift);
  const search::SolveRequest request =
      adapting_request(plan, t, layout, plan_density(facts, clip, plan));
  Meter meter(control, "measure this machine", 2);
  Clock::time_point begin = Clock::now();
  const search::AdaptiveRun run(plan.profile, request, clip.threads, control.stop);
  AdaptingSpeed speed{.begin_seconds = seconds_since(begin)};
  meter.advance();

  begin = Clock::now();
  search::SolveRequest carried_request = request;
  carried_request.layout.reset();
  const auto carried = std::make_shared<const Profile>(
      search::carried_profile(*plan.profile, layout, search::MeasuredErrors{}));
  const search::Solver solver(carried, carried_request);
  const Plan solved = solver.solve(std::max(request.budget, solver.least_budget())).plan;
  const CompiledPlan compiled(solved, layout, clip.threads);
  speed.seconds_per_solve = seconds_since(begin);
  meter.check_stop();

  if (search::measured_steps(*clip.steps).empty()) {
    return speed;
  }
  const double layers = static_cast<double>(plan.model.heads_total()) /
                        static_cast<double>(plan.model.stacks.front().heads);
  speed.seconds_per_forward = seconds_of_layer(plan, t, clip, control) * layers *
                              static_cast<double>(layout.tokens()) /
                              static_cast<double>(kSmall.tokens());
  meter.advance();
  return speed;
}

}  // namespace twill::jobs
