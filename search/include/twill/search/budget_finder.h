// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// From a wish for clips to a budget: which plan to try next, until the cheapest that is good enough
// or the best that is fast enough is found.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace twill::search {

enum class Wish : std::uint8_t {
  kPsnr,     // dB against the dense clips, at least
  kSpeedup,  // seconds of the denoising loop, dense over sparse, at least
};
inline constexpr std::array<std::pair<Wish, std::string_view>, 2> kWishNames{{
    {Wish::kPsnr, "psnr"},
    {Wish::kSpeedup, "speedup"},
}};

struct BudgetTry {
  double budget = 0.0;
  double measured = 0.0;  // what the wish is for
  bool holds = false;
  friend bool operator==(const BudgetTry&, const BudgetTry&) = default;
};

class BudgetFinder {
 public:
  // least_budget: of the solver; nothing below 0.02 is tried. Throws Error(kUsage) naming what is
  // out of range.
  BudgetFinder(Wish wish, double value, double least_budget, std::int32_t most_tries);

  // Empty when the search is over.
  std::optional<double> next() const { return next_; }
  // What clips by the plan of next() measured; true when the wish holds.
  bool tell(double measured);

  // What must be measured: the value of the wish and a margin.
  double wanted() const { return wanted_; }
  const std::vector<BudgetTry>& tries() const { return tries_; }
  // Index of the best try that holds.
  std::optional<std::size_t> best() const;
  // The try that came nearest to the wish; one must have been made.
  const BudgetTry& nearest() const;

 private:
  double aim() const;
  double between(double aim) const;

  Wish wish_;
  double wanted_;
  std::int32_t most_tries_;
  double fails_ = 0.0, holds_ = 0.0;  // the budgets nearest to the wish that fail and that hold
  std::optional<double> next_;
  std::vector<BudgetTry> tries_;
};

}  // namespace twill::search
