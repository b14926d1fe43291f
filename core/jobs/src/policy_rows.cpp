// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "policy_rows.h"

#include <algorithm>

#include "twill/jobs/policies.h"
#include "twill/plan/error.h"
#include "twill/plan/names.h"

namespace twill::jobs {
namespace {

using search::Policy;

constexpr std::array<std::pair<RowError, std::string_view>, 4> kErrorNames{{
    {RowError::kRelative, "relative"},
    {RowError::kMeanSquare, "mean_square"},
    {RowError::kGain, "gain"},
    {RowError::kGainAndTime, "gain_and_time"},
}};
constexpr std::array<std::pair<OracleAttention::Choice, std::string_view>, 2> kChoiceNames{{
    {OracleAttention::Choice::kMass, "mass"},
    {OracleAttention::Choice::kError, "error"},
}};
constexpr std::array<std::pair<OracleShares, std::string_view>, 3> kShareNames{{
    {OracleShares::kEqual, "equal"},
    {OracleShares::kSolver, "solver"},
    {OracleShares::kTopP, "top_p"},
}};

constexpr std::array<report::ContrastRows, 9> kContrasts{{
    {"gain, in the paper's rule", "paper_greedy.gain.step", "paper_greedy.relative.step"},
    {"the weight of t, in the paper's rule", "paper_greedy.gain_and_time.step",
     "paper_greedy.gain.step"},
    {"both weights, in the paper's rule", "paper_greedy.gain_and_time.step",
     "paper_greedy.relative.step"},
    {"sparse outputs fed forward, in the paper's rule", "paper_greedy.relative.step.fed",
     "paper_greedy.relative.step"},
    {"a table for each step, in the paper's rule", "paper_greedy.gain_and_time.step",
     "paper_greedy.gain_and_time.one"},
    {"the solver, with the same weights", "solver", "paper_greedy.gain_and_time.step"},
    {"the solver, with relative errors", "solver.relative", "paper_greedy.relative.step"},
    {"segments, in the solver", "solver", "solver.one"},
    {"sparse outputs fed forward, in the solver", "solver.fed", "solver"},
}};

void add_rules(std::vector<PolicyRow>& rows) {
  const auto add = [&](std::string name, const RuleRow& row) {
    rows.push_back({std::move(name), row});
  };
  add(std::string(kSolverRow), {});
  add("solver.one", {.tables = Tables::kOne});
  add("solver.step", {.tables = Tables::kEachStep});
  add("solver.fed", {.fed_forward = true});
  for (const auto& [error, name] : kErrorNames) {
    if (error != RowError::kGainAndTime) {
      add(concat("solver.", name), {.error = error});
    }
  }
  for (const auto& [error, name] : kErrorNames) {
    const RuleRow row{.policy = Policy::kPaperGreedy, .error = error};
    const std::string begin = concat(search::policy_name(row.policy), ".", name);
    for (const auto& [tables, of] :
         {std::pair(Tables::kOne, ".one"), std::pair(Tables::kEachStep, ".step")}) {
      for (const bool fed : {false, true}) {
        RuleRow one = row;
        one.tables = tables;
        one.fed_forward = fed;
        add(concat(begin, of, fed ? ".fed" : ""), one);
      }
    }
  }
  // Radial and the single pattern have one table by definition.
  for (const auto& [policy, tables] :
       {std::pair(Policy::kSvg, Tables::kEachStep), std::pair(Policy::kSta, Tables::kEachStep),
        std::pair(Policy::kRadial, Tables::kOne),
        std::pair(Policy::kSinglePattern, Tables::kOne)}) {
    for (const RowError error : {RowError::kRelative, RowError::kGainAndTime}) {
      add(concat(search::policy_name(policy), ".", name_in(kErrorNames, error)),
          {.policy = policy, .error = error, .tables = tables});
    }
  }
}

bool is_wanted(const std::string& name, const std::string& wanted) {
  return name == wanted || name.starts_with(wanted + ".");
}

}  // namespace

std::vector<PolicyRow> policy_rows() {
  std::vector<PolicyRow> rows;
  add_rules(rows);
  for (const Policy policy : {Policy::kSvg, Policy::kSta, Policy::kRadial}) {
    rows.push_back({concat("published.", search::policy_name(policy)), PublishedRow{policy}});
  }
  for (const auto& [choice, choice_name] : kChoiceNames) {
    for (const bool own : {false, true}) {
      for (const auto& [shares, share_name] : kShareNames) {
        // Top-p is about mass.
        if (choice == OracleAttention::Choice::kMass || shares != OracleShares::kTopP) {
          rows.push_back(
              {concat("oracle.", choice_name, own ? ".own_order." : ".raster.", share_name),
               OracleRow{.choice = choice, .own_order = own, .shares = shares}});
        }
      }
    }
  }
  return rows;
}

std::vector<PolicyRow> policy_rows(const std::vector<std::string>& wanted) {
  std::vector<PolicyRow> rows = policy_rows();
  for (const std::string& one : wanted) {
    const bool known =
        std::ranges::any_of(rows, [&](const PolicyRow& row) { return is_wanted(row.name, one); });
    std::string all;
    for (const PolicyRow& row : rows) {
      all += (all.empty() ? "" : ", ") + row.name;
    }
    require(known, ErrorCode::kUsage, "row \"", one, "\" is none of ", all);
  }
  if (!wanted.empty()) {
    std::erase_if(rows, [&](const PolicyRow& row) {
      return row.name != kSolverRow && std::ranges::none_of(wanted, [&](const std::string& one) {
               return is_wanted(row.name, one);
             });
    });
  }
  return rows;
}

std::vector<std::string> policy_row_names() {
  std::vector<std::string> names;
  for (const PolicyRow& row : policy_rows()) {
    names.push_back(row.name);
  }
  return names;
}

std::span<const report::ContrastRows> contrast_rows() { return kContrasts; }

}  // namespace twill::jobs
