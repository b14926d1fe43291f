// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/solved_for.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "twill/plan/error.h"
#include "twill/plan/experts.h"
#include "twill/plan/names.h"
#include "twill/plan/plan_facts.h"
#include "twill/plan/plan_view.h"
#include "twill/plan/text.h"

namespace twill::search {
namespace {

constexpr const char* kSteps = "steps";
constexpr const char* kShift = "shift";
constexpr const char* kSampler = "sampler";
constexpr const char* kTimes = "t";
constexpr const char* kGrid = "grid";
constexpr const char* kBudget = "budget";
constexpr const char* kDensity = "density";
constexpr const char* kDenseLayers = "dense_first_layers";
constexpr const char* kFixedHeads = "studio_fixed_heads";
constexpr std::int32_t kMostSteps = 1000;
constexpr std::size_t kMostShown = 40;

// One provenance, read as hostile.
class Entries {
 public:
  Entries(const Provenance& provenance, std::string_view whose)
      : provenance_(provenance), whose_(whose) {}

  // A model without a shift, say, leaves an empty text.
  std::optional<std::string_view> text(const char* key) const {
    const auto found = provenance_.find(key);
    return found == provenance_.end() || found->second.empty()
               ? std::nullopt
               : std::optional<std::string_view>(found->second);
  }
  [[noreturn]] void fail(const char* key, std::string_view what) const {
    throw Error(ErrorCode::kFile, concat("the ", whose_, "'s ", key, " \"",
                                         shortened(*text(key), kMostShown), "\" is ", what));
  }
  std::optional<double> number(const char* key) const {
    const std::optional<std::string_view> said = text(key);
    if (!said) {
      return {};
    }
    double value = 0.0;
    const auto [end, trouble] = std::from_chars(said->data(), said->data() + said->size(), value);
    if (trouble != std::errc() || end != said->data() + said->size() || !std::isfinite(value) ||
        value <= 0.0) {
      fail(key, "not a positive number");
    }
    return value;
  }
  std::optional<std::int32_t> steps() const {
    const std::optional<double> value = number(kSteps);
    if (value && (*value > kMostSteps || *value != std::floor(*value))) {
      fail(kSteps, concat("not a whole number in 1..", kMostSteps));
    }
    return value ? std::optional(static_cast<std::int32_t>(*value)) : std::nullopt;
  }
  // "1 0.93 0.8"
  std::vector<double> times() const {
    std::vector<double> times;
    const std::string_view said = text(kTimes).value_or("");
    const char* at = said.data();
    const char* const end = at + said.size();
    while (at != end) {
      double t = -1.0;
      const auto [next, trouble] = std::from_chars(at, end, t);
      if (trouble != std::errc() || !(t >= 0.0 && t <= 1.0) || (next != end && *next != ' ') ||
          times.size() == kMostSteps) {
        fail(kTimes, "no list of times in 0..1");
      }
      times.push_back(t);
      at = next == end ? end : next + 1;
    }
    return times;
  }
  // "13x16x16"
  std::optional<std::array<std::int32_t, 3>> grid() const {
    const std::optional<std::string_view> said = text(kGrid);
    if (!said) {
      return {};
    }
    std::array<std::int32_t, 3> grid{};
    const char* at = said->data();
    const char* const end = at + said->size();
    for (std::size_t axis = 0; axis < grid.size(); ++axis) {
      const auto [next, trouble] = std::from_chars(at, end, grid[axis]);
      const bool last = axis + 1 == grid.size();
      if (trouble != std::errc() || grid[axis] < 1 || (last ? next != end : next == end) ||
          (!last && *next != 'x')) {
        fail(kGrid, "not FRAMESxROWSxCOLUMNS");
      }
      at = last ? end : next + 1;
    }
    return grid;
  }

 private:
  const Provenance& provenance_;
  std::string_view whose_;
};

SolvedFor typed(const RunFacts& run) {
  return {.steps = run.steps,
          .shift = run.shift,
          .sampler = run.sampler,
          .scheduler = run.scheduler,
          .t = run.t,
          .expert = run.expert,
          .weight = run.weight,
          .grid = run.grid,
          .typed = true};
}

// The number that a text begins with.
std::optional<double> leading_number(std::string_view text) {
  double value = 0.0;
  const auto [end, trouble] = std::from_chars(text.data(), text.data() + text.size(), value);
  return trouble == std::errc() && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

// Of a plan without typed facts.
std::string_view word(const Plan& plan, const char* key) {
  const auto found = plan.provenance.find(key);
  return has_facts(plan) || found == plan.provenance.end() ? std::string_view{} : found->second;
}

// "expert:head expert:head", the head counted over all stacks.
std::vector<FixedHead> fixed_in(std::string_view text, const ModelShape& model) {
  std::set<FixedHead> heads;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const char* const word_end = std::find(at, end, ' ');
    std::size_t expert = 0, head = 0;
    const auto first = std::from_chars(at, word_end, expert);
    if (first.ec == std::errc() && first.ptr < word_end && *first.ptr == ':') {
      const auto second = std::from_chars(first.ptr + 1, word_end, head);
      if (second.ec == std::errc() && second.ptr == word_end && expert < model.experts.size() &&
          head < static_cast<std::size_t>(model.heads_total())) {
        const HeadSite site = head_site(model, head);
        heads.insert({.expert = static_cast<std::int32_t>(expert),
                      .stack = static_cast<std::int32_t>(site.stack),
                      .layer = site.layer,
                      .head = site.head});
      }
    }
    at = word_end == end ? end : word_end + 1;
  }
  return {heads.begin(), heads.end()};
}

std::string fixed_text(const std::vector<FixedHead>& heads, const ModelShape& model) {
  std::string text;
  for (const FixedHead& head : heads) {
    text += concat(text.empty() ? "" : " ", head.expert, ":",
                   head_index(model, head.stack, head.layer, head.head));
  }
  return text;
}

}  // namespace

SolvedFor solved_for(const Provenance& provenance, std::string_view whose) {
  const Entries entries(provenance, whose);
  SolvedFor run{.steps = entries.steps(),
                .shift = entries.number(kShift),
                .t = entries.times(),
                .grid = entries.grid()};
  if (const auto sampler = entries.text(kSampler)) {
    run.sampler = *sampler;
  }
  return run;
}

SolvedFor solved_for(const Profile& profile) {
  if (profile.run) {
    return typed(*profile.run);
  }
  return has_facts(profile) ? SolvedFor{} : solved_for(profile.provenance, "profile");
}

SolvedFor solved_for(const Plan& plan) {
  if (plan.solved_for) {
    return typed(*plan.solved_for);
  }
  SolvedFor run = has_facts(plan) ? SolvedFor{} : solved_for(plan.provenance, "plan");
  if (plan.profile == nullptr) {
    return run;
  }
  const SolvedFor measured = solved_for(*plan.profile);
  if (!run.steps && !run.shift && !run.sampler && run.t.empty()) {
    const auto grid = run.grid ? run.grid : measured.grid;
    run = measured;
    run.grid = grid;
    return run;
  }
  run.steps = run.steps ? run.steps : measured.steps;
  run.shift = run.shift ? run.shift : measured.shift;
  run.sampler = run.sampler ? run.sampler : measured.sampler;
  run.grid = run.grid ? run.grid : measured.grid;
  if (run.t.empty() && !measured.typed) {  // else they are of another run
    run.t = measured.t;
  }
  return run;
}

std::vector<Forward> forwards_of_run(const Profile& profile, const SolvedFor& run,
                                     std::optional<double> boundary) {
  std::vector<Forward> forwards = boundary || run.expert.empty()
                                      ? forwards_of_run(profile, run.t, boundary)
                                      : forwards_of_run(run.t, run.expert);
  for (std::size_t i = 0; i < run.weight.size(); ++i) {
    forwards.at(i).weight = run.weight[i];
  }
  return forwards;
}

Goal goal_of(BudgetKind kind) {
  return kind == BudgetKind::kDensity ? Goal::kDensity : Goal::kAttentionShare;
}

std::optional<Budget> budget_of(const Plan& plan) {
  if (has_facts(plan)) {
    return plan.budget;
  }
  const std::string_view text = word(plan, kBudget);
  const std::size_t space = std::min(text.find(' '), text.size());
  const std::optional<BudgetKind> kind = value_named(kBudgetNames, text.substr(0, space));
  if (!kind || space == text.size()) {
    return {};
  }
  const std::optional<double> value = leading_number(text.substr(space + 1));
  return value ? std::optional(Budget{.goal = goal_of(*kind), .value = *value}) : std::nullopt;
}

std::optional<double> stated_density(const Plan& plan) {
  // "0.3891 of dense attention's cells ..."
  const std::optional<double> density = has_facts(plan)
                                            ? (plan.budget ? plan.budget->density : std::nullopt)
                                            : leading_number(word(plan, kDensity));
  return density && *density > 0.0 && *density <= 1.0 ? density : std::nullopt;
}

std::int32_t dense_first_layers(const Plan& plan) {
  if (has_facts(plan)) {
    return plan.dense_first_layers.value_or(0);
  }
  const std::string_view text = word(plan, kDenseLayers);
  std::int32_t told = 0;
  std::from_chars(text.data(), text.data() + text.size(), told);
  std::int32_t layers = 0;
  for (const StackShape& stack : plan.model.stacks) {
    layers += stack.layers;
  }
  return std::clamp(told, 0, layers);
}

std::vector<FixedHead> fixed_heads(const Plan& plan) {
  if (!has_facts(plan)) {
    return fixed_in(word(plan, kFixedHeads), plan.model);
  }
  std::vector<FixedHead> heads = plan.fixed_heads;
  std::sort(heads.begin(), heads.end());
  return heads;
}

void keep_fixed_heads(std::vector<FixedHead> heads, Plan& plan) {
  std::sort(heads.begin(), heads.end());
  if (has_facts(plan)) {
    plan.fixed_heads = std::move(heads);
  } else if (heads.empty()) {
    plan.provenance.erase(kFixedHeads);
  } else {
    plan.provenance[kFixedHeads] = fixed_text(heads, plan.model);
  }
}

void keep_the_rest(const Plan& before, Plan& solved) {
  Provenance provenance = before.provenance;
  for (const auto& [key, value] : solved.provenance) {
    if (key != "source" && provenance.contains(key)) {
      provenance[key] = value;
    }
  }
  // Words of another run.
  for (const char* key : {kSteps, kShift, kSampler, "scheduler", kTimes, kGrid, kBudget,
                          kDenseLayers, kFixedHeads, kExpertBoundaryKey}) {
    provenance.erase(key);
  }
  solved.name = before.name;
  solved.provenance = std::move(provenance);
  const std::int32_t layers = dense_first_layers(before);
  solved.dense_first_layers = layers > 0 ? std::optional(layers) : std::nullopt;
  solved.fixed_heads = fixed_heads(before);
  if (before.model.experts.size() == 2) {
    solved.expert_boundary = expert_boundary(before);
  }
  solved.profile = before.profile;
  solved.schema_minor = before.schema_minor;
  solved.newer_fields = before.newer_fields;
}

}  // namespace twill::search
