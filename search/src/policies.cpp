// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/policies.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>

#include "exact_text.h"
#include "run_bins.h"
#include "tile_key.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/plan/names.h"
#include "twill/search/candidates.h"
#include "twill/search/profile_hash.h"

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
  std::size_t dense_heads = 0;  // of each expert, in layers that are told to be dense
  BinnedRun run;
  Ledger ledger;
  Prices prices;
  ErrorTable predicted;
  ErrorTable counted;               // what the rule has little of
  double scale = 1.0;               // that brings its mean to that of the head errors
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
        dense_heads(dense_layer_heads(*profile, request)),
        run(make_run(*profile, request, stretches)),
        ledger(ledger_of(profile, request)),
        prices(prices_of(*profile, ledger.costs(), request)),
        predicted(ledger, run, Measure::kError),
        counted(ledger, run, request.measure.value_or(Measure::kHeadError)),
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
    if (request.measure.value_or(Measure::kHeadError) != Measure::kHeadError) {
      const double mine = sum_of(counted);
      scale = mine > 0.0 ? sum_of(ErrorTable(ledger, run, Measure::kHeadError)) / mine : 1.0;
    }
    full_cost = static_cast<double>(run.forwards) * static_cast<double>(heads.per_expert) *
                prices.cost[dense_index];
    most = request.budget * full_cost * (1.0 + kRounding);
  }

  // Over all candidates of all free heads on sparse bins.
  double sum_of(const ErrorTable& table) const {
    double sum = 0.0;
    for (std::size_t bin = first; bin < last; ++bin) {
      for (std::size_t item = 0; item < heads.count(); ++item) {
        const std::span<const double> row = table.at(bin, item);
        sum += is_free(item) ? std::accumulate(row.begin(), row.end(), 0.0) : 0.0;
      }
    }
    return sum;
  }

  bool is_free(std::size_t item) const { return item % heads.per_expert >= dense_heads; }
  // Forwards of free heads on sparse bins, summed over the heads.
  double free_forwards() const {
    double sum = 0.0;
    for (const double of_expert : forwards_of) {
      sum += of_expert * static_cast<double>(heads.per_expert - dense_heads);
    }
    return sum;
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
        sum += counted.sum(segment.begin, segment.end, item,
                           static_cast<std::size_t>(segment.candidate[item]));
      }
    }
    return sum;
  }

  PolicyPlan plan_of(std::vector<ChosenSegment> segments, Policy policy) const {
    PolicyPlan plan;
    plan.own_measure = own_measure(segments);
    plan.result = result_of(ledger, profile, request, run, prices, predicted, std::move(segments),
                            std::string(policy_name(policy)), hash);
    return plan;
  }

  [[noreturn]] void fail_budget(double least) const {
    throw Error(ErrorCode::kUnsupported,
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
        if (head.forwards == 0.0 || !setting.is_free(item)) {
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
    plan.result.lambda = lambda_;
    plan.result.epsilon = epsilon;
    return plan;
  }

 private:
  double loss_of(const RuledHead& head, std::size_t candidate) const {
    const double error = setting_.counted.at(head.bin, head.item)[candidate] / head.forwards;
    return setting_.scale * error + lambda_ * setting_.prices.cost[candidate];
  }
  double saved_by(const RuledHead& head, std::size_t candidate) const {
    return head.forwards *
           (setting_.prices.cost[setting_.dense_index] - setting_.prices.cost[candidate]);
  }
  // The last head need not give more than the budget asks for.
  std::size_t best_that_meets(const RuledHead& head, double cost) const {
    std::size_t best = static_cast<std::size_t>(head.candidate);
    double least = setting_.counted.at(head.bin, head.item)[best];
    for (std::size_t candidate = 0; candidate < setting_.prices.cost.size(); ++candidate) {
      const double error = setting_.counted.at(head.bin, head.item)[candidate];
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

// Free heads take the candidate of `pool` with the least of what is counted on each sparse bin;
// what that leaves of the budget makes whole heads dense from the first layer on, and the head
// after them as dense as still fits. Nothing when it is over the budget.
class PooledChoice {
 public:
  PooledChoice(const Setting& setting, std::vector<std::size_t> pool)
      : setting_(setting), pool_(std::move(pool)), segments_(setting.all_dense()) {
    total_ = setting.full_cost;
    for (std::size_t bin = setting.first; bin < setting.last; ++bin) {
      for (std::size_t item = 0; item < setting.heads.count(); ++item) {
        if (setting.is_free(item)) {
          take(bin, item, best_of_pool(bin, item));
        }
      }
    }
  }

  double cost() const { return total_; }

  std::optional<PolicyPlan> plan(Policy policy) && {
    if (total_ > setting_.most) {
      return std::nullopt;
    }
    spend_the_rest();
    PolicyPlan plan = setting_.plan_of(std::move(segments_), policy);
    for (const std::size_t candidate : pool_) {
      plan.patterns.push_back(setting_.profile->candidates[candidate]);
    }
    return plan;
  }

 private:
  const std::vector<double>& cost_of() const { return setting_.prices.cost; }
  double forwards(std::size_t bin, std::size_t item) const {
    return setting_.run.bins[bin].forwards_of[setting_.heads.expert_of(item)];
  }
  std::size_t best_of_pool(std::size_t bin, std::size_t item) const {
    const std::span<const double> errors = setting_.counted.at(bin, item);
    return *std::min_element(pool_.begin(), pool_.end(),
                             [&](std::size_t a, std::size_t b) { return errors[a] < errors[b]; });
  }
  void take(std::size_t bin, std::size_t item, std::size_t candidate) {
    std::int32_t& now = segments_[bin].candidate[item];
    total_ +=
        forwards(bin, item) * (cost_of()[candidate] - cost_of()[static_cast<std::size_t>(now)]);
    now = static_cast<std::int32_t>(candidate);
  }
  // Added when the head takes the candidate wherever its own is cheaper.
  double added_by(std::size_t item, std::size_t candidate) const {
    double added = 0.0;
    for (std::size_t bin = setting_.first; bin < setting_.last; ++bin) {
      const auto now = static_cast<std::size_t>(segments_[bin].candidate[item]);
      added += forwards(bin, item) * std::max(0.0, cost_of()[candidate] - cost_of()[now]);
    }
    return added;
  }
  void raise(std::size_t item, std::size_t candidate) {
    for (std::size_t bin = setting_.first; bin < setting_.last; ++bin) {
      if (cost_of()[candidate] >
          cost_of()[static_cast<std::size_t>(segments_[bin].candidate[item])]) {
        take(bin, item, candidate);
      }
    }
  }
  // Layer by layer over the experts, so that a layer means the same in each.
  void spend_the_rest() {
    for (std::size_t head = setting_.dense_heads; head < setting_.heads.per_expert; ++head) {
      for (std::size_t expert = 0; expert < setting_.heads.experts; ++expert) {
        const std::size_t item = expert * setting_.heads.per_expert + head;
        std::optional<std::size_t> best;
        for (std::size_t other = 0; other < cost_of().size(); ++other) {
          const double added = added_by(item, other);
          if (added > 0.0 && total_ + added <= setting_.most &&
              cost_of()[other] <= cost_of()[setting_.dense_index] &&
              (!best || cost_of()[other] > cost_of()[*best])) {
            best = other;
          }
        }
        if (best) {
          raise(item, *best);
        }
        if (best != setting_.dense_index) {
          return;
        }
      }
    }
  }

  const Setting& setting_;
  std::vector<std::size_t> pool_;
  std::vector<ChosenSegment> segments_;
  double total_ = 0.0;
};

using Pools = std::vector<std::vector<std::size_t>>;

// One plan for each pool that meets the budget, the least sum of what is counted first.
std::vector<PolicyPlan> pooled_plans(const Setting& setting, const Pools& pools, Policy policy) {
  std::vector<PolicyPlan> plans;
  double least = setting.full_cost;
  for (const std::vector<std::size_t>& pool : pools) {
    PooledChoice choice(setting, pool);
    least = std::min(least, choice.cost());
    if (std::optional<PolicyPlan> plan = std::move(choice).plan(policy)) {
      plans.push_back(std::move(*plan));
    }
  }
  require(!pools.empty(), ErrorCode::kUsage, "the profile has no candidates of the rule ",
          policy_name(policy));
  if (plans.empty()) {
    setting.fail_budget(least);
  }
  sort_by_own_measure(plans);
  return plans;
}

std::size_t stretches_of(const SolveRequest& request) {
  return static_cast<std::size_t>(std::max(1, request.max_segments));
}

bool is_centred_window(const Pattern& pattern) {
  if (pattern.kind != PatternKind::kWindow) {
    return false;
  }
  const auto& window = std::get<Window>(pattern.parts[0]);
  return window.offset_frames == 0 && window.offset_rows == 0.0 && window.offset_cols == 0.0;
}

template <typename Test>
std::vector<std::size_t> candidates_that(const Profile& profile, const Test& test) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < profile.candidates.size(); ++i) {
    if (test(profile.candidates[i])) {
      found.push_back(i);
    }
  }
  return found;
}

}  // namespace

// A band along the diagonal, alone or with the first frames.
bool is_svg_spatial(const Pattern& pattern) {
  const auto is_band = [](const SimplePattern& part) {
    return std::holds_alternative<Diagonal>(part);
  };
  const auto is_first_frame = [](const SimplePattern& part) {
    const auto* stripe = std::get_if<VerticalStripe>(&part);
    return stripe != nullptr && stripe->boxes.size() == 1 &&
           stripe->boxes[0] == KeyBox{.frame_begin = 0, .frame_end = 1};
  };
  return (pattern.parts.size() == 1 && is_band(pattern.parts[0])) ||
         (pattern.parts.size() == 2 && is_band(pattern.parts[0]) &&
          is_first_frame(pattern.parts[1]));
}

// The same place in other frames. How many of them hardly matters: where those of a place fill a
// tile, a few compute the same tiles as all, and candidates hold only one of the two.
bool is_svg_temporal(const Pattern& pattern) { return pattern.kind == PatternKind::kMultiDiagonal; }

std::string_view policy_name(Policy policy) { return name_in(kPolicyNames, policy); }

std::span<const std::string_view> policy_names() {
  static const auto names = [] {
    std::array<std::string_view, kPolicyNames.size()> all;
    std::ranges::transform(kPolicyNames, all.begin(), [](const auto& row) { return row.second; });
    return all;
  }();
  return names;
}

std::vector<PolicyPlan> paper_greedy_plans(std::shared_ptr<const Profile> profile,
                                           const SolveRequest& request,
                                           const std::vector<double>& lambdas) {
  const Setting setting(std::move(profile), request, stretches_of(request));
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

std::vector<PolicyPlan> svg_plans(std::shared_ptr<const Profile> profile,
                                  const SolveRequest& request) {
  const Setting setting(std::move(profile), request, stretches_of(request));
  const std::vector<std::size_t> temporals = candidates_that(*setting.profile, is_svg_temporal);
  Pools pairs;
  for (const std::size_t spatial : candidates_that(*setting.profile, is_svg_spatial)) {
    for (const std::size_t temporal : temporals) {
      pairs.push_back({spatial, temporal});
    }
  }
  return pooled_plans(setting, pairs, Policy::kSvg);
}

std::vector<PolicyPlan> sta_plans(std::shared_ptr<const Profile> profile,
                                  const SolveRequest& request) {
  const Setting setting(std::move(profile), request, stretches_of(request));
  const std::vector<double>& cost = setting.prices.cost;
  const std::vector<std::size_t> windows = candidates_that(*setting.profile, is_centred_window);
  Pools pools;
  for (const std::size_t largest : windows) {
    std::vector<std::size_t>& pool = pools.emplace_back();
    for (const std::size_t window : windows) {
      if (cost[window] <= cost[largest]) {
        pool.push_back(window);
      }
    }
  }
  return pooled_plans(setting, pools, Policy::kSta);
}

std::vector<PolicyPlan> radial_plans(std::shared_ptr<const Profile> profile,
                                     const SolveRequest& request) {
  const Setting setting(std::move(profile), request, 1);
  // Candidates hold only one of the patterns that compute the same tiles.
  const TokenLayout& layout = setting.profile->layout;
  std::set<std::vector<std::int32_t>> decays;
  for (const Pattern& pattern : log_decay_patterns(layout)) {
    decays.insert(tile_key(compile_pattern(pattern, layout)));
  }
  Pools pools;
  for (const std::size_t candidate : candidates_that(*setting.profile, [&](const Pattern& pattern) {
         return !pattern.parts.empty() &&
                decays.contains(tile_key(compile_pattern(pattern, layout)));
       })) {
    pools.push_back({candidate});
  }
  return pooled_plans(setting, pools, Policy::kRadial);
}

std::vector<PolicyPlan> single_pattern_plans(std::shared_ptr<const Profile> profile,
                                             const SolveRequest& request) {
  const Setting setting(std::move(profile), request, 1);
  const std::vector<double>& cost = setting.prices.cost;
  const double forwards = setting.free_forwards();
  // What the sparse bins may cost, per free head and forward.
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
  Pools pools;
  for (std::size_t candidate = 0; candidate < cost.size(); ++candidate) {
    if (cost[candidate] <= allowed &&
        cost[candidate] >= std::min(nearest, allowed - kLeftToLayers)) {
      pools.push_back({candidate});
    }
  }
  return pooled_plans(setting, pools, Policy::kSinglePattern);
}

std::vector<PolicyPlan> policy_plans(Policy policy, std::shared_ptr<const Profile> profile,
                                     const SolveRequest& request) {
  switch (policy) {
    case Policy::kSolver: {
      PolicyPlan plan;
      plan.result = solve(std::move(profile), request);
      plan.own_measure = plan.result.predicted_error;
      return {std::move(plan)};
    }
    case Policy::kPaperGreedy:
      return paper_greedy_plans(std::move(profile), request);
    case Policy::kSvg:
      return svg_plans(std::move(profile), request);
    case Policy::kSta:
      return sta_plans(std::move(profile), request);
    case Policy::kRadial:
      return radial_plans(std::move(profile), request);
    case Policy::kSinglePattern:
      return single_pattern_plans(std::move(profile), request);
  }
  throw Error(ErrorCode::kUsage, concat("policy ", static_cast<int>(policy), " is unknown"));
}

PolicyPlan make_policy_plan(Policy policy, std::shared_ptr<const Profile> profile,
                            const SolveRequest& request) {
  return std::move(policy_plans(policy, std::move(profile), request).front());
}

}  // namespace twill::search
