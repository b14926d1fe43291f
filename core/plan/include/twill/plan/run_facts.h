// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What code must know of where a plan or a profile comes from, typed and checked. Provenance is
// beside it, for people.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace twill {

// The run that a plan was solved for, or that a profile was measured in. Whoever ran the model knew
// each t, so nobody makes them again from the name of a sampler.
struct RunFacts {
  std::vector<double> t;             // of every forward, in the run's order, which never rises
  std::vector<std::int32_t> expert;  // [t]; empty: the model has one, or expert_boundary says it
  std::vector<double> weight;        // [t], times w(t); empty: as the distances between the t say
  // In the words of the program that ran the model: ComfyUI's "uni_pc" and "beta", say. No
  // scheduler: the sampler's own times, as the engine has them.
  std::optional<std::string> sampler;
  std::optional<std::string> scheduler;
  std::optional<double> shift;         // none: the model has none, or nobody knows it
  std::array<std::int32_t, 3> grid{};  // frames, rows and columns of tokens
  std::int32_t steps = 0;              // that the sampler was asked for
  friend bool operator==(const RunFacts&, const RunFacts&) = default;
};

// What a search was to reach.
enum class Goal : std::uint8_t { kDensity, kAttentionShare, kPsnr, kSpeedup };
inline constexpr std::array<std::pair<Goal, std::string_view>, 4> kGoalNames{{
    {Goal::kDensity, "density"},
    {Goal::kAttentionShare, "attention_share"},
    {Goal::kPsnr, "min_psnr_db"},
    {Goal::kSpeedup, "min_speedup"},
}};

// What a plan was asked to be.
struct Budget {
  Goal goal = Goal::kDensity;
  double value = 0.0;             // a share in (0, 1], decibels, or a ratio
  std::optional<double> density;  // that the plan came to over its run
  friend bool operator==(const Budget&, const Budget&) = default;
};
std::string_view goal_name(Goal goal);
// "density 0.4", "min_psnr_db 30, at density 0.31"
std::string describe(const Budget& budget);

// A head whose pattern a person fixed, in all sparse segments alike: solving again leaves it alone.
struct FixedHead {
  std::int32_t expert = 0;
  std::int32_t stack = 0;
  std::int32_t layer = 0;
  std::int32_t head = 0;
  friend auto operator<=>(const FixedHead&, const FixedHead&) = default;
};

// How much an error at t counts in the clip: straight lines between the entries, t ascending,
// constant outside (weight_at in twill/search/error_model.h).
struct TimeWeight {
  std::vector<double> t;
  std::vector<double> weight;
  friend bool operator==(const TimeWeight&, const TimeWeight&) = default;
};

}  // namespace twill
