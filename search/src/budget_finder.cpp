// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/budget_finder.h"

#include <algorithm>
#include <cmath>

#include "twill/plan/error.h"

namespace twill::search {
namespace {

// Prompts that no search saw come out a little otherwise than those it measured.
constexpr double kPsnrMargin = 0.5;
constexpr double kSpeedMargin = 1.01;
// Budgets nearer than this are one and the same.
constexpr double kLeastChange = 0.01;
constexpr double kFirstBudget = 0.4;
constexpr double kLeastBudget = 0.02;
// While one try alone was made: about 12 dB for a doubled budget; half of the loop is attention.
const double kPsnrSlope = 12.0 / std::log(2.0);
constexpr double kSecondsSlope = 0.5;

// PSNR goes in a straight line with the budget's logarithm, seconds with the budget.
double scale(Wish wish, double budget) { return wish == Wish::kPsnr ? std::log(budget) : budget; }
double unscale(Wish wish, double value) { return wish == Wish::kPsnr ? std::exp(value) : value; }
double straight(Wish wish, double measured) {
  return wish == Wish::kPsnr ? measured : 1.0 / measured;
}

}  // namespace

BudgetFinder::BudgetFinder(Wish wish, double value, double least_budget, std::int32_t most_tries)
    : wish_(wish),
      wanted_(wish == Wish::kPsnr ? value + kPsnrMargin : value * kSpeedMargin),
      most_tries_(most_tries) {
  require(std::isfinite(value) && value > 0.0, ErrorCode::kUsage, "wish: ", value,
          " is not above 0");
  require(least_budget >= 0.0 && least_budget <= 1.0, ErrorCode::kUsage,
          "least budget: ", least_budget, " is not in 0..1");
  require(most_tries > 0, ErrorCode::kUsage, "tries: ", most_tries, " is not above 0");
  const double least = std::max(least_budget, kLeastBudget);
  // A wish for quality is met from above, one for speed from below.
  fails_ = wish == Wish::kPsnr ? least : 1.0;
  holds_ = wish == Wish::kPsnr ? 1.0 : least;
  next_ = std::max(kFirstBudget, least);
}

bool BudgetFinder::tell(double measured) {
  require(next_.has_value(), ErrorCode::kUsage, "the search for a budget is over");
  require(std::isfinite(measured) && (wish_ == Wish::kPsnr || measured > 0.0), ErrorCode::kUsage,
          "measured: ", measured, " is no figure of a clip");
  const double budget = *next_;
  const bool holds = measured >= wanted_;
  (holds ? holds_ : fails_) = budget;
  tries_.push_back({.budget = budget, .measured = measured, .holds = holds});
  const double aim = this->aim();
  const bool found = holds && std::abs(aim - budget) < kLeastChange;
  const bool over = found || std::abs(holds_ - fails_) < kLeastChange ||
                    tries_.size() == static_cast<std::size_t>(most_tries_);
  next_ = over ? std::nullopt : std::optional(between(aim));
  return holds;
}

std::optional<std::size_t> BudgetFinder::best() const {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < tries_.size(); ++i) {
    if (tries_[i].holds && tries_[i].budget == holds_) {
      found = i;
    }
  }
  return found;
}

const BudgetTry& BudgetFinder::nearest() const {
  TWILL_ASSERT(!tries_.empty());
  return *std::max_element(
      tries_.begin(), tries_.end(),
      [](const BudgetTry& a, const BudgetTry& b) { return a.measured < b.measured; });
}

// Where the line through the two last tries meets the wish.
double BudgetFinder::aim() const {
  const BudgetTry& last = tries_.back();
  double slope = wish_ == Wish::kPsnr ? kPsnrSlope : kSecondsSlope;
  if (tries_.size() > 1) {
    const BudgetTry& before = tries_[tries_.size() - 2];
    const double run = scale(wish_, last.budget) - scale(wish_, before.budget);
    const double rise = straight(wish_, last.measured) - straight(wish_, before.measured);
    slope = run != 0.0 && rise / run > slope / 8.0 ? rise / run : slope;
  }
  const double missing = straight(wish_, wanted_) - straight(wish_, last.measured);
  return unscale(wish_, scale(wish_, last.budget) + missing / slope);
}

// Inside what fails and what holds, and a change away from both: a try that just failed says that
// its neighbours may fail too.
double BudgetFinder::between(double aim) const {
  const auto [low, high] = std::minmax(fails_, holds_);
  const double inside = std::min(std::max(kLeastChange, (high - low) / 20.0), (high - low) / 2.0);
  return std::clamp(aim, low + inside, high - inside);
}

}  // namespace twill::search
