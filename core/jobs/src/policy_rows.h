// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The rows of the comparison of policies, as data.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "oracle_attention.h"
#include "twill/report/policies_report.h"
#include "twill/search/policies.h"

namespace twill::jobs {

// What a rule counts: search::Measure, and the mean square of what a head's output differs by,
// which the paper has.
enum class RowError : std::uint8_t { kRelative, kMeanSquare, kGain, kGainAndTime };
// One for the whole run, one for each step, or as many as the solver may have.
enum class Tables : std::uint8_t { kOne, kEachStep, kStretches };

struct RuleRow {
  search::Policy policy = search::Policy::kSolver;
  RowError error = RowError::kGainAndTime;
  Tables tables = Tables::kStretches;
  bool fed_forward = false;  // profiled while the paper's rule runs
};

// How an oracle's share of the tiles is given out: to all heads alike, as the solver's plan does,
// or to each query tile until so much of its mass is kept.
enum class OracleShares : std::uint8_t { kEqual, kSolver, kTopP };
struct OracleRow {
  OracleAttention::Choice choice = OracleAttention::Choice::kMass;
  bool own_order = false;  // each head in the token order that serves it best, else raster
  OracleShares shares = OracleShares::kEqual;
};

// A rule with its authors' own numbers.
struct PublishedRow {
  search::Policy policy = search::Policy::kSvg;
};

struct PolicyRow {
  std::string name;  // parts with dots between them
  std::variant<RuleRow, OracleRow, PublishedRow> what;
};

inline constexpr std::string_view kSolverRow = "solver";

// All of them, the solver first.
std::vector<PolicyRow> policy_rows();
// Those that are wanted, the solver first in any case; nothing wanted: all. Throws Error(kUsage)
// naming what is no row and listing the rows.
std::vector<PolicyRow> policy_rows(const std::vector<std::string>& wanted);

// What one factor brings is the difference of two rows that differ in it alone.
std::span<const report::ContrastRows> contrast_rows();

}  // namespace twill::jobs
