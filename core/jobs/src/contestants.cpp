// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "contestants.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "json.h"
#include "online_svg.h"
#include "solving.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_view.h"
#include "twill/search/calibration.h"
#include "twill/search/forwards.h"

namespace twill::jobs {
namespace {

using search::Measure;

constexpr std::size_t kMostPlans = 64;  // of one rule
constexpr std::int32_t kMostSegments = 64;

Measure measure_of(RowError error) {
  switch (error) {
    case RowError::kRelative:
      return Measure::kHeadError;
    case RowError::kMeanSquare:  // the profile's gains are then the outputs' mean squares
    case RowError::kGain:
      return Measure::kGain;
    case RowError::kGainAndTime:
      return Measure::kError;
  }
  throw Error(ErrorCode::kUsage, concat("error ", static_cast<int>(error), " is unknown"));
}

std::vector<std::vector<std::int32_t>> all_orders(const TokenLayout& layout) {
  std::vector<std::vector<std::int32_t>> orders;
  for (const TokenOrder& order : kDefaultOrders) {
    // Any pattern with a tile list says where the tokens of its order stand.
    const TileList list = compile_pattern(make_pattern(Window{}, order), layout);
    std::vector<std::int32_t>& to_token = orders.emplace_back();
    for (std::int32_t i = 0; i < layout.tokens(); ++i) {
      to_token.push_back(
          list.position_to_token ? (*list.position_to_token)[static_cast<std::size_t>(i)] : i);
    }
  }
  return orders;
}

// Density of each head by the plan, of its segment at t.
std::function<double(const engine::AttentionSite&, std::int32_t)> shares_of(
    const Plan& plan, const search::Ledger& ledger) {
  std::vector<double> density;
  for (const Pattern& pattern : plan.patterns) {
    density.push_back(ledger.density(pattern));
  }
  return [plan, density](const engine::AttentionSite& site, std::int32_t head) {
    const Segment& segment = plan.segments[static_cast<std::size_t>(segment_at(plan, site.t))];
    if (segment.dense) {
      return 1.0;
    }
    const auto item =
        static_cast<std::size_t>(head_index(plan.model, site.stack, site.layer, head));
    return density[static_cast<std::size_t>(
        segment.heads[static_cast<std::size_t>(site.expert)][item].pattern)];
  };
}

// Of the candidates that pass, the one whose density is nearest.
template <typename Test>
std::optional<Pattern> nearest(const search::Ledger& ledger, double density, const Test& test) {
  std::optional<Pattern> best;
  double least = 2.0;
  for (const Pattern& candidate : ledger.profile().candidates) {
    const double away = std::abs(ledger.density(candidate) - density);
    if (test(candidate) && away < least) {
      least = away;
      best = candidate;
    }
  }
  return best;
}

std::int32_t rounded(double share, std::int64_t of) {
  return static_cast<std::int32_t>(std::lround(share * static_cast<double>(of)));
}

std::int32_t layers_of(const Profile& profile) {
  std::int32_t layers = 0;
  for (const StackShape& stack : profile.model.stacks) {
    layers += stack.layers;
  }
  return layers;
}

}  // namespace

std::string describe(const TunedSetting& setting) {
  const DenseParts& parts = setting.parts;
  return concat(parts.first_steps ? std::to_string(*parts.first_steps) : "free", "+",
                parts.last_steps ? std::to_string(*parts.last_steps) : "free", " dense steps, ",
                parts.first_layers, " dense layers, plan ", setting.variant + 1);
}

Contestants::Contestants(const Session& session, const PoliciesOptions& options, RowSources sources)
    : session_(session),
      options_(options),
      sources_(std::move(sources)),
      ledger_(sources_.profile, search::forwards_of_run(*sources_.profile, session.step_t()),
              search::time_weight_of(*sources_.profile), session.layout()) {}

std::vector<double> Contestants::dense_times(const DenseParts& parts) const {
  const std::vector<double>& t = session_.step_t();
  std::vector<double> dense(t.begin(), t.begin() + parts.first_steps.value_or(0));
  dense.insert(dense.end(), t.end() - parts.last_steps.value_or(0), t.end());
  return dense;
}

double Contestants::share_of(const DenseParts& parts) const {
  const double steps =
      static_cast<double>(parts.first_steps.value_or(0) + parts.last_steps.value_or(0)) /
      static_cast<double>(session_.steps());
  const double layers =
      static_cast<double>(parts.first_layers) / static_cast<double>(layers_of(*sources_.profile));
  return steps >= 1.0 || layers >= 1.0 ? 1.0 : steps + (1.0 - steps) * layers;
}

std::vector<Contestant> Contestants::of(const RuleRow& row, const DenseParts& parts,
                                        double density) const {
  if (share_of(parts) >= density) {
    return {};
  }
  std::shared_ptr<const Profile> profile = row.fed_forward ? sources_.fed : sources_.profile;
  TWILL_ASSERT(profile != nullptr);
  if (row.error == RowError::kMeanSquare) {
    profile = sources_.with_output_power(*profile);
  }
  const std::int32_t segments =
      row.tables == Tables::kOne ? 1
      : row.tables == Tables::kEachStep
          ? std::min(static_cast<std::int32_t>(session_.steps()), kMostSegments)
          : options_.segments;
  const SolveOptions solve_options{.policy = row.policy,
                                   .budget = density,
                                   .segments = segments,
                                   .dense_first_steps = parts.first_steps,
                                   .dense_last_steps = parts.last_steps,
                                   .dense_first_layers = parts.first_layers,
                                   .measure = measure_of(row.error)};
  std::vector<Contestant> plans;
  try {
    for (search::SolveResult& result :
         solve_plans(profile, run_of(session_), solve_options, kMostPlans)) {
      plans.push_back({.name = result.plan.name,
                       .density = result.density,
                       .plan = std::move(result.plan),
                       .lambda = result.lambda,
                       .epsilon = result.epsilon});
    }
  } catch (const Error& error) {
    // Rules whose cheapest patterns do not fit into what the dense parts leave.
    if (error.code() != ErrorCode::kUnsupported && error.code() != ErrorCode::kUsage) {
      throw;
    }
  }
  return plans;
}

Contestant Contestants::oracle(const OracleRow& row, std::string name, std::string key,
                               OracleAttention::Options options) const {
  options.choice = row.choice;
  if (row.own_order) {
    options.orders = all_orders(session_.layout());
  }
  return {
      .name = std::move(name),
      .density = options_.density,
      .attention = [options =
                        std::move(options)] { return std::make_unique<OracleAttention>(options); },
      .key = concat("oracle 2 ", static_cast<int>(row.choice), row.own_order ? " own " : " ", key)};
}

std::optional<Contestant> Contestants::with_equal_share(const OracleRow& row,
                                                        const DenseParts& parts) const {
  const double dense = share_of(parts);
  if (dense >= options_.density) {
    return std::nullopt;
  }
  const double share = (options_.density - dense) / (1.0 - dense);
  const std::vector<double> times = dense_times(parts);
  OracleAttention::Options options;
  options.share = [share, times, layers = parts.first_layers](const engine::AttentionSite& site,
                                                              std::int32_t) {
    const bool is_dense = site.layer < layers || std::ranges::find(times, site.t) != times.end();
    return is_dense ? 1.0 : share;
  };
  return oracle(row, concat("share ", share),
                concat("share ", share, " ", parts.first_layers, " ", json_dump(json(times))),
                std::move(options));
}

Contestant Contestants::with_shares_of(const OracleRow& row, const Plan& plan) const {
  OracleAttention::Options options;
  options.share = shares_of(plan, ledger_);
  return oracle(row, concat("shares of ", plan.name),
                concat("run ", fingerprint_at(plan, session_.step_t())), std::move(options));
}

Contestant Contestants::with_top_p(const OracleRow& row, double p) const {
  OracleAttention::Options options;
  options.share = [](const engine::AttentionSite&, std::int32_t) { return 0.0; };
  options.top_p = p;
  return oracle(row, concat("top-p ", p), concat("top-p ", p), std::move(options));
}

std::optional<Contestant> Contestants::published_svg() const {
  constexpr double kKept = 0.3, kDenseSteps = 0.2, kDenseLayers = 0.03;
  const Profile& profile = *sources_.profile;
  const std::optional<Pattern> spatial = nearest(ledger_, kKept, search::is_svg_spatial);
  const std::optional<Pattern> temporal = nearest(ledger_, kKept, search::is_svg_temporal);
  if (!spatial || !temporal) {
    return std::nullopt;
  }
  const DenseParts parts{.first_steps = rounded(kDenseSteps, session_.steps()),
                         .last_steps = 0,
                         .first_layers = rounded(kDenseLayers, layers_of(profile))};
  const OnlineSvg::Options options{.model = profile.model,
                                   .layouts = {session_.layout()},
                                   .spatial = *spatial,
                                   .temporal = *temporal,
                                   .dense_t = dense_times(parts),
                                   .dense_first_layers = parts.first_layers,
                                   .threads = static_cast<int>(session_.clip().threads)};
  const std::string name =
      concat(describe(*spatial), " or ", describe(*temporal), ", ", describe({.parts = parts}));
  return Contestant{.name = name,
                    .density = options_.density,
                    .attention = [options] { return std::make_unique<OnlineSvg>(options); },
                    .key = concat("online svg 1 ", name)};
}

std::optional<Contestant> Contestants::published(search::Policy policy) const {
  if (policy == search::Policy::kSvg) {
    return published_svg();
  }
  const bool sta = policy == search::Policy::kSta;
  const DenseParts parts{.first_steps = rounded(sta ? 0.3 : 0.24, session_.steps()),
                         .last_steps = 0,
                         .first_layers = sta ? 0 : 1};
  std::vector<Contestant> plans = of({.policy = policy,
                                      .error = RowError::kRelative,
                                      .tables = sta ? Tables::kEachStep : Tables::kOne},
                                     parts, sta ? 0.416 : options_.density);
  return plans.empty() ? std::nullopt : std::optional(std::move(plans.front()));
}

}  // namespace twill::jobs
