// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/policies.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "exact_text.h"
#include "run_bins.h"
#include "twill/plan/error.h"

namespace twill::search {
namespace {

// Of the paper's ablation (0 to 1) and beyond, as its scale of MSE is unknown.
constexpr std::array kLambdas{0.0,  0.003, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1,
                              0.15, 0.2,   0.3,  0.5,  0.7,  1.0,  2.0,  5.0};
// The single pattern may leave this share of dense's cost to whole dense layers.
constexpr double kLeftToLayers = 0.1;
constexpr double kRounding = 1e-9;

// What the rules share: the run with its sparse bins as equal stretches, prices and errors.
struct Setting {
  std::shared_ptr<const Profile> profile;
  SolveRequest request;
  Heads heads;
  std::size_t dense_index = 0;
  Run run;
  Prices prices;
  ErrorTable predicted;
  ErrorTable head_errors;
  std::size_t first = 0, last = 0;  // sparse bins
  std::vector<double> forwards_of;  // [experts] on sparse bins
  double full_cost = 0.0;           // of everything dense
  double most = 0.0;                // the budget, in the same unit
  std::string hash;

  static SolveRequest with_dense_steps(SolveRequest request) {
    request.dense_first_steps = request.dense_first_steps.value_or(0);
    request.dense_last_steps = request.dense_last_steps.value_or(0);
    return request;
  }

  Setting(std::shared_ptr<const Profile> of, const SolveRequest& asked, std::size_t stretches)
      : profile(std::move(of)),
        request(with_dense_steps(asked)),
        heads(heads_of(*profile)),
        dense_index(dense_candidate(*profile)),
        run(make_run(*profile, request, stretches)),
        prices(prices_of(*profile, request)),
        predicted(*profile, run, request.weight, ErrorTable::Measure::kPredicted),
        head_errors(*profile, run, request.weight, ErrorTable::Measure::kHeadErrors),
        first(*run.dense_first_bins),
        last(run.bins.size() - *run.dense_last_bins),
        forwards_of(heads.experts),
        hash(profile_hash(*profile)) {
    require(request.budget > 0.0 && request.budget <= 1.0, ErrorCode::kUsage,
            "budget: ", request.budget, " is not in (0, 1]");
    require(request.fixed.empty() && request.forbidden.empty() && !request.max_head_error,
            ErrorCode::kUsage, "fixed, forbidden and max_head_error are for the solver only");
    for (std::size_t bin = first; bin < last; ++bin) {
      for (std::size_t expert = 0; expert < heads.experts; ++expert) {
        forwards_of[expert] += run.bins[bin].forwards_of[expert];
      }
    }
    full_cost = static_cast<double>(run.forwards) * static_cast<double>(heads.per_expert) *
                prices.cost[dense_index];
    most = request.budget * full_cost * (1.0 + kRounding);
  }

  // All heads dense on all bins.
  std::vector<ChosenSegment> all_dense() const {
    std::vector<ChosenSegment> segments;
    for (std::size_t bin = 0; bin < run.bins.size(); ++bin) {
      segments.push_back({.begin = bin,
                          .end = bin + 1,
                          .candidate = std::vector<std::int32_t>(
                              heads.count(), static_cast<std::int32_t>(dense_index))});
    }
    return segments;
  }

  double own_measure(const std::vector<ChosenSegment>& segments) const {
    double sum = 0.0;
    for (const ChosenSegment& segment : segments) {
      for (std::size_t item = 0; item < heads.count(); ++item) {
        sum += head_errors.sum(segment.begin, segment.end, item,
                               static_cast<std::size_t>(segment.candidate[item]));
      }
    }
    return sum;
  }

  PolicyPlan plan_of(std::vector<ChosenSegment> segments, Policy policy) const {
    PolicyPlan plan;
    plan.own_measure = own_measure(segments);
    plan.result = result_of(profile, request, run, prices, predicted, std::move(segments),
                            std::string(policy_name(policy)), hash);
    return plan;
  }

  [[noreturn]] void fail_budget(double least) const {
    throw Error(ErrorCode::kUsage,
                concat("budget: ", request.budget, " is below ", exact_text(least / full_cost),
                       ", the least that the rule reaches with ", *request.dense_first_steps,
                       " dense first and ", *request.dense_last_steps, " dense last steps"));
  }
};

void sort_by_own_measure(std::vector<PolicyPlan>& plans) {
  std::stable_sort(plans.begin(), plans.end(), [](const PolicyPlan& a, const PolicyPlan& b) {
    return a.own_measure < b.own_measure;
  });
}

// One head of one stretch under the paper's rule.
struct RuledHead {
  std::size_t bin = 0, item = 0;
  double forwards = 0.0;
  double loss = 0.0;            // the least L
  std::int32_t candidate = -1;  // that has it
};

class PaperRule {
 public:
  PaperRule(const Setting& setting, double lambda) : setting_(setting), lambda_(lambda) {
    for (std::size_t bin = setting.first; bin < setting.last; ++bin) {
      for (std::size_t item = 0; item < setting.heads.count(); ++item) {
        RuledHead head{
            .bin = bin,
            .item = item,
            .forwards = setting.run.bins[bin].forwards_of[setting.heads.expert_of(item)]};
        if (head.forwards == 0.0) {
          continue;
        }
        for (std::size_t candidate = 0; candidate < setting.prices.cost.size(); ++candidate) {
          const double loss = loss_of(head, candidate);
          if (candidate != setting.dense_index && (head.candidate < 0 || loss < head.loss)) {
            head.loss = loss;
            head.candidate = static_cast<std::int32_t>(candidate);
          }
        }
        if (head.candidate >= 0) {
          heads_.push_back(head);
        }
      }
    }
    std::stable_sort(heads_.begin(), heads_.end(),
                     [](const RuledHead& a, const RuledHead& b) { return a.loss < b.loss; });
  }

  double least_cost() const {
    double cost = setting_.full_cost;
    for (const RuledHead& head : heads_) {
      cost -= saved_by(head, static_cast<std::size_t>(head.candidate));
    }
    return cost;
  }

  // Heads turn sparse in the order of L until the budget is met; empty when it cannot be.
  std::optional<PolicyPlan> plan() const {
    std::vector<ChosenSegment> segments = setting_.all_dense();
    double cost = setting_.full_cost;
    double epsilon = 0.0;
    for (const RuledHead& head : heads_) {
      if (cost <= setting_.most) {
        break;
      }
      epsilon = head.loss;
      std::size_t taken = static_cast<std::size_t>(head.candidate);
      if (cost - saved_by(head, taken) <= setting_.most) {
        taken = best_that_meets(head, cost);
      }
      segments[head.bin].candidate[head.item] = static_cast<std::int32_t>(taken);
      cost -= saved_by(head, taken);
    }
    if (cost > setting_.most) {
      return std::nullopt;
    }
    PolicyPlan plan = setting_.plan_of(std::move(segments), Policy::kPaperGreedy);
    plan.lambda = lambda_;
    plan.epsilon = epsilon;
    return plan;
  }

 private:
  double loss_of(const RuledHead& head, std::size_t candidate) const {
    const double error = setting_.head_errors.at(head.bin, head.item)[candidate] / head.forwards;
    return error + lambda_ * setting_.prices.cost[candidate];
  }
  double saved_by(const RuledHead& head, std::size_t candidate) const {
    return head.forwards *
           (setting_.prices.cost[setting_.dense_index] - setting_.prices.cost[candidate]);
  }
  // The last head need not give more than the budget asks for.
  std::size_t best_that_meets(const RuledHead& head, double cost) const {
    std::size_t best = static_cast<std::size_t>(head.candidate);
    double least = setting_.head_errors.at(head.bin, head.item)[best];
    for (std::size_t candidate = 0; candidate < setting_.prices.cost.size(); ++candidate) {
      const double error = setting_.head_errors.at(head.bin, head.item)[candidate];
      if (candidate != setting_.dense_index && error < least &&
          cost - saved_by(head, candidate) <= setting_.most) {
        best = candidate;
        least = error;
      }
    }
    return best;
  }

  const Setting& setting_;
  double lambda_ = 0.0;
  std::vector<RuledHead> heads_;  // by rising loss
};

// One candidate everywhere on the sparse bins, whole heads dense from the first layer on while the
// budget lasts, then one head with the densest candidate that still fits.
std::optional<PolicyPlan> single_plan(const Setting& setting, std::size_t candidate) {
  double forwards = 0.0;
  for (const double of_expert : setting.forwards_of) {
    forwards += of_expert * static_cast<double>(setting.heads.per_expert);
  }
  const std::vector<double>& cost = setting.prices.cost;
  double total = setting.full_cost - forwards * (cost[setting.dense_index] - cost[candidate]);
  if (total > setting.most) {
    return std::nullopt;
  }
  std::vector<ChosenSegment> segments = setting.all_dense();
  const auto set = [&](std::size_t item, std::size_t to) {
    for (std::size_t bin = setting.first; bin < setting.last; ++bin) {
      segments[bin].candidate[item] = static_cast<std::int32_t>(to);
    }
  };
  for (std::size_t item = 0; item < setting.heads.count(); ++item) {
    set(item, candidate);
  }
  // Layer by layer over the experts, so that a layer means the same in each.
  for (std::size_t head = 0; head < setting.heads.per_expert; ++head) {
    for (std::size_t expert = 0; expert < setting.heads.experts; ++expert) {
      const double count = setting.forwards_of[expert];
      std::size_t best = candidate;
      for (std::size_t other = 0; other < cost.size(); ++other) {
        if (cost[other] > cost[best] &&
            total + count * (cost[other] - cost[candidate]) <= setting.most &&
            cost[other] <= cost[setting.dense_index]) {
          best = other;
        }
      }
      total += count * (cost[best] - cost[candidate]);
      set(expert * setting.heads.per_expert + head, best);
      if (best != setting.dense_index) {
        PolicyPlan plan = setting.plan_of(std::move(segments), Policy::kSinglePattern);
        plan.pattern = setting.profile->candidates[candidate];
        return plan;
      }
    }
  }
  PolicyPlan plan = setting.plan_of(std::move(segments), Policy::kSinglePattern);
  plan.pattern = setting.profile->candidates[candidate];
  return plan;
}

}  // namespace

std::string_view policy_name(Policy policy) {
  for (const auto& [known, name] : kPolicyNames) {
    if (known == policy) {
      return name;
    }
  }
  throw Error(ErrorCode::kUsage, concat("policy ", static_cast<int>(policy), " has no name"));
}

std::vector<PolicyPlan> paper_greedy_plans(std::shared_ptr<const Profile> profile,
                                           const SolveRequest& request,
                                           const std::vector<double>& lambdas) {
  const Setting setting(std::move(profile), request,
                        static_cast<std::size_t>(std::max(1, request.max_segments)));
  std::vector<double> swept = lambdas;
  if (swept.empty()) {
    swept.assign(kLambdas.begin(), kLambdas.end());
  }
  std::vector<PolicyPlan> plans;
  double least = setting.full_cost;
  for (const double lambda : swept) {
    require(std::isfinite(lambda) && lambda >= 0.0, ErrorCode::kUsage, "lambda ", lambda,
            " is not a finite number of at least 0");
    const PaperRule rule(setting, lambda);
    least = std::min(least, rule.least_cost());
    if (std::optional<PolicyPlan> plan = rule.plan()) {
      plans.push_back(std::move(*plan));
    }
  }
  if (plans.empty()) {
    setting.fail_budget(least);
  }
  sort_by_own_measure(plans);
  return plans;
}

std::vector<PolicyPlan> single_pattern_plans(std::shared_ptr<const Profile> profile,
                                             const SolveRequest& request) {
  const Setting setting(std::move(profile), request, 1);
  const std::vector<double>& cost = setting.prices.cost;
  double forwards = 0.0;
  for (const double of_expert : setting.forwards_of) {
    forwards += of_expert * static_cast<double>(setting.heads.per_expert);
  }
  // What the sparse bins may cost, per head and forward.
  const double allowed =
      forwards > 0.0 ? cost[setting.dense_index] - (setting.full_cost - setting.most) / forwards
                     : cost[setting.dense_index];
  double nearest = -1.0;
  for (const double one : cost) {
    if (one <= allowed) {
      nearest = std::max(nearest, one);
    }
  }
  if (nearest < 0.0) {
    setting.fail_budget(setting.full_cost - forwards * cost[setting.dense_index]);
  }
  std::vector<PolicyPlan> plans;
  for (std::size_t candidate = 0; candidate < cost.size(); ++candidate) {
    if (cost[candidate] <= allowed &&
        cost[candidate] >= std::min(nearest, allowed - kLeftToLayers)) {
      if (std::optional<PolicyPlan> plan = single_plan(setting, candidate)) {
        plans.push_back(std::move(*plan));
      }
    }
  }
  TWILL_ASSERT(!plans.empty());
  sort_by_own_measure(plans);
  return plans;
}

PolicyPlan make_policy_plan(Policy policy, std::shared_ptr<const Profile> profile,
                            const SolveRequest& request) {
  switch (policy) {
    case Policy::kSolver: {
      PolicyPlan plan;
      plan.result = solve(std::move(profile), request);
      plan.own_measure = plan.result.predicted_error;
      return plan;
    }
    case Policy::kPaperGreedy:
      return std::move(paper_greedy_plans(std::move(profile), request).front());
    case Policy::kSinglePattern:
      return std::move(single_pattern_plans(std::move(profile), request).front());
  }
  throw Error(ErrorCode::kUsage, concat("policy ", static_cast<int>(policy), " is unknown"));
}

}  // namespace twill::search
