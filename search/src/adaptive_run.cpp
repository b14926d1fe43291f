// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/adaptive_run.h"

#include <algorithm>
#include <array>

#include "run_bins.h"
#include "twill/plan/error.h"
#include "twill/search/carried_profile.h"
#include "twill/search/error_model.h"

namespace twill::search {
namespace {

// Sampled query tokens of a measured step; 256 give no better plans.
constexpr std::int32_t kRows = 64;

std::shared_ptr<const Profile> not_null(std::shared_ptr<const Profile> profile) {
  require(profile != nullptr, ErrorCode::kUsage, "there is no profile to adapt a plan with");
  return profile;
}

}  // namespace

std::vector<std::int32_t> measured_steps(std::int32_t steps) {
  constexpr std::array kShares{0.0, 0.05, 0.2, 0.45};
  std::vector<std::int32_t> chosen;
  for (const double share : kShares) {
    const auto step = static_cast<std::int32_t>(share * steps);
    // What the last step says comes too late.
    if ((chosen.empty() || step > chosen.back()) && step + 1 < steps) {
      chosen.push_back(step);
    }
  }
  return chosen;
}

struct AdaptiveRun::Impl {
  std::shared_ptr<const Profile> profile;
  SolveRequest request;  // of the whole run
  TokenLayout layout;
  std::vector<std::vector<Forward>> steps;
  std::vector<std::int32_t> measured;
  std::unique_ptr<Profiler> profiler;  // its t are those of the measured steps
  Prices prices;                       // at the layout
  std::int32_t step = 0;
  std::size_t measurements = 0;
  double spent = 0.0;          // of the budget, in steps that ran: sum over forwards
  double spent_density = 0.0;  // the same in cells
  std::shared_ptr<const Plan> plan;

  bool measuring() const {
    return measurements < measured.size() && measured[measurements] == step;
  }

  void check_measuring() const {
    require(measuring(), ErrorCode::kUsage, "step ", step, " is not one that is measured");
  }

  // call: an AttentionCall or its CallMeasures.
  template <typename Call>
  void observe(CallSite site, const Call& call, std::size_t heads) {
    check_measuring();
    site.t_index = static_cast<std::int32_t>(measurements);
    site.prompt = 0;
    // Gains carry over from size to size; the profile's are kept.
    profiler->observe(site, call, std::vector<double>(heads));
  }

  // Over the forwards of a step: mean over heads of `cost`, summed.
  double of_step(std::int32_t index, const std::vector<double>& cost) const {
    const std::vector<std::size_t> candidates = candidates_of(*profile, *plan);
    double sum = 0.0;
    for (const Forward& forward : steps[static_cast<std::size_t>(index)]) {
      const Segment& segment =
          plan->segments[static_cast<std::size_t>(segment_at(*plan, forward.t))];
      if (segment.dense) {
        sum += 1.0;
        continue;
      }
      const std::vector<HeadPlan>& heads = segment.heads[static_cast<std::size_t>(forward.expert)];
      double of_heads = 0.0;
      for (const HeadPlan& head : heads) {
        of_heads += cost[candidates[static_cast<std::size_t>(head.pattern)]];
      }
      sum += of_heads / static_cast<double>(heads.size());
    }
    return sum;
  }

  // For the steps from this one on, with what is left of the budget.
  void solve() {
    SolveRequest rest = request;
    rest.layout.reset();  // the carried profile is of that layout
    rest.forwards.clear();
    for (auto from = static_cast<std::size_t>(step); from < steps.size(); ++from) {
      rest.forwards.insert(rest.forwards.end(), steps[from].begin(), steps[from].end());
    }
    const auto here = static_cast<std::int32_t>(steps.size()) - step;
    if (request.dense_first_steps) {
      rest.dense_first_steps = std::max(0, *request.dense_first_steps - step);
    }
    if (request.dense_last_steps) {
      rest.dense_last_steps = std::min(here, *request.dense_last_steps);
    }
    const auto carried = std::make_shared<const Profile>(
        carried_profile(*profile, layout, profiler ? profiler->errors_so_far() : MeasuredErrors{}));
    const Solver solver(carried, rest);
    const double left = (request.budget * static_cast<double>(request.forwards.size()) - spent) /
                        static_cast<double>(rest.forwards.size());
    plan = std::make_shared<const Plan>(
        solver.solve(std::clamp(left, solver.least_budget(), 1.0)).plan);
  }
};

AdaptiveRun::AdaptiveRun(std::shared_ptr<const Profile> profile, SolveRequest request,
                         std::int32_t threads, std::stop_token stop)
    : impl_(std::make_unique<Impl>()) {
  Impl& self = *impl_;
  self.profile = not_null(std::move(profile));
  self.request = std::move(request);
  self.request.attach_profile = false;
  self.layout = self.request.layout.value_or(self.profile->layout);
  make_run(*self.profile, self.request, 1);  // the request's checks
  for (const Forward& forward : self.request.forwards) {
    if (self.steps.empty() || forward.t != self.steps.back().front().t) {
      self.steps.emplace_back();
    }
    self.steps.back().push_back(forward);
  }
  self.prices = prices_of(*self.profile, candidate_costs(*self.profile, self.layout), self.request);
  self.measured = measured_steps(static_cast<std::int32_t>(self.steps.size()));
  std::vector<double> t;
  for (const std::int32_t step : self.measured) {
    t.push_back(self.steps[static_cast<std::size_t>(step)].front().t);
  }
  if (!t.empty()) {
    self.profiler = std::make_unique<Profiler>(
        ProfilerOptions{.model = self.profile->model,
                        .layout = self.layout,
                        .candidates = self.profile->candidates,
                        .t = t,
                        .prompts = {""},
                        .seeds = {0},
                        .rows = std::min(kRows, self.layout.grid_tokens()),
                        .map_size = 0,
                        .threads = threads},
        std::move(stop));
  }
  self.solve();
}

AdaptiveRun::~AdaptiveRun() = default;
AdaptiveRun::AdaptiveRun(AdaptiveRun&&) noexcept = default;
AdaptiveRun& AdaptiveRun::operator=(AdaptiveRun&&) noexcept = default;

std::int32_t AdaptiveRun::step() const { return impl_->step; }
std::shared_ptr<const Plan> AdaptiveRun::plan() const { return impl_->plan; }
bool AdaptiveRun::measuring() const { return impl_->measuring(); }

void AdaptiveRun::observe(CallSite site, const AttentionCall& call) {
  impl_->observe(site, call, static_cast<std::size_t>(call.heads));
}

void AdaptiveRun::observe(CallSite site, const CallMeasures& measures) {
  impl_->observe(site, measures, measures.norm.size());
}

std::span<const kernels::HeadTask> AdaptiveRun::tasks() const {
  return impl_->profiler ? impl_->profiler->tasks() : std::span<const kernels::HeadTask>();
}
std::span<const kernels::TileListView> AdaptiveRun::lists() const {
  return impl_->profiler ? impl_->profiler->lists() : std::span<const kernels::TileListView>();
}
std::vector<std::int32_t> AdaptiveRun::rows() const {
  impl_->check_measuring();
  return impl_->profiler->rows(static_cast<std::int32_t>(impl_->measurements), 0);
}

bool AdaptiveRun::finish_step() {
  Impl& self = *impl_;
  require(self.step < static_cast<std::int32_t>(self.steps.size()), ErrorCode::kUsage, "all ",
          self.steps.size(), " steps of the run are finished");
  const bool measured = self.measuring();
  if (measured) {
    self.profiler->finish_unit(static_cast<std::int32_t>(self.measurements), 0);
    ++self.measurements;
  }
  self.spent += self.of_step(self.step, self.prices.cost);
  self.spent_density += self.of_step(self.step, self.prices.costs.density);
  ++self.step;
  if (measured) {
    self.solve();
  }
  return measured;
}

double AdaptiveRun::density() const {
  double sum = impl_->spent_density;
  for (std::int32_t step = impl_->step; step < static_cast<std::int32_t>(impl_->steps.size());
       ++step) {
    sum += impl_->of_step(step, impl_->prices.costs.density);
  }
  return sum / static_cast<double>(impl_->request.forwards.size());
}

}  // namespace twill::search
