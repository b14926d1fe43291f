// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "tuning.h"

#include <algorithm>
#include <array>

#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

// Which numbers the search moves; only settings with told steps are moved.
constexpr std::array<std::int32_t& (*)(TunedSetting&), 4> kAxes{
    [](TunedSetting& of) -> std::int32_t& { return *of.parts.first_steps; },
    [](TunedSetting& of) -> std::int32_t& { return of.variant; },
    [](TunedSetting& of) -> std::int32_t& { return *of.parts.last_steps; },
    [](TunedSetting& of) -> std::int32_t& { return of.parts.first_layers; },
};

class PatternSearch {
 public:
  PatternSearch(const MeasureSetting& measure, std::size_t most) : measure_(measure), most_(most) {}

  Tuned run(bool own_choice) {
    if (own_choice) {
      look({});
    }
    TunedSetting at{.parts = {.first_steps = 0, .last_steps = 0}};
    if (look(at)) {
      climb(at);
      // The climb ends where every neighbour was looked at, unless it is cut short.
      result_.inside = !cut_short_;
    }
    for (std::size_t i = 1; i < result_.tried.size(); ++i) {
      result_.best =
          result_.tried[i].psnr_db > result_.tried[result_.best].psnr_db ? i : result_.best;
    }
    return std::move(result_);
  }

 private:
  struct Known {
    TunedSetting setting;
    std::optional<double> psnr_db;
  };

  const Known* find(const TunedSetting& setting) const {
    const auto found = std::ranges::find(known_, setting, &Known::setting);
    return found == known_.end() ? nullptr : &*found;
  }

  // Nothing where there is no such setting or no try is left for it.
  std::optional<double> look(const TunedSetting& setting) {
    if (const Known* known = find(setting)) {
      return known->psnr_db;
    }
    if (result_.tried.size() >= most_) {
      cut_short_ = true;
      return std::nullopt;
    }
    known_.push_back({setting, measure_(setting)});
    if (known_.back().psnr_db) {
      result_.tried.push_back({.setting = setting, .psnr_db = *known_.back().psnr_db});
    }
    return known_.back().psnr_db;
  }

  static std::optional<TunedSetting> moved(TunedSetting from, std::size_t axis, std::int32_t by) {
    std::int32_t& value = kAxes[axis](from);
    value += by;
    return value < 0 ? std::nullopt : std::optional(from);
  }

  bool step(TunedSetting& at, std::size_t axis, std::int32_t by) {
    const std::optional<TunedSetting> other = moved(at, axis, by);
    const std::optional<double> here = look(at);
    const std::optional<double> there = other ? look(*other) : std::nullopt;
    if (!there || *there <= *here) {
      return false;
    }
    at = *other;
    return true;
  }

  void climb(TunedSetting& at) {
    bool better = true;
    while (better) {
      better = false;
      for (std::size_t axis = 0; axis < kAxes.size(); ++axis) {
        for (const std::int32_t by : {2, 1}) {
          for (const std::int32_t direction : {by, -by}) {
            while (step(at, axis, direction)) {
              better = true;
            }
          }
        }
      }
    }
  }

  const MeasureSetting& measure_;
  std::size_t most_;
  bool cut_short_ = false;
  std::vector<Known> known_;
  Tuned result_;
};

}  // namespace

Tuned tune(const MeasureSetting& measure, std::size_t most, bool own_choice) {
  TWILL_ASSERT(most >= 1);
  return PatternSearch(measure, most).run(own_choice);
}

}  // namespace twill::jobs
