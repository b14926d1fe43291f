// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "tuning.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace twill::jobs {
namespace {

// A hill with its top at the given numbers; settings outside of the bounds do not exist.
struct Hill {
  std::int32_t first = 0, variant = 0, last = 0, layers = 0;
  double own_choice = -100.0;
  std::int32_t most_steps = 20, variants = 8, most_last = 20, most_layers = 20;
  std::vector<TunedSetting> asked;

  std::optional<double> operator()(const TunedSetting& at) {
    asked.push_back(at);
    if (!at.parts.first_steps) {
      return own_choice;
    }
    if (*at.parts.first_steps + *at.parts.last_steps > most_steps || at.variant >= variants ||
        *at.parts.last_steps > most_last || at.parts.first_layers > most_layers) {
      return std::nullopt;
    }
    const auto away = [](std::int32_t a, std::int32_t b) { return std::abs(a - b); };
    return 30.0 - away(*at.parts.first_steps, first) - away(at.variant, variant) -
           away(*at.parts.last_steps, last) - away(at.parts.first_layers, layers);
  }
};

const TunedSetting& best_of(const Tuned& tuned) { return tuned.tried[tuned.best].setting; }

TEST(Tuning, FindsTheTopAndSaysThatItStandsInside) {
  for (const std::int32_t first : {0, 1, 2, 5, 8}) {
    for (const std::int32_t variant : {0, 3}) {
      for (const std::int32_t last : {0, 1}) {
        Hill hill{.first = first, .variant = variant, .last = last, .layers = 1};
        const Tuned tuned = tune(std::ref(hill), 64, false);
        EXPECT_EQ(best_of(tuned).parts, (DenseParts{first, last, 1}));
        EXPECT_EQ(best_of(tuned).variant, variant);
        EXPECT_EQ(tuned.tried[tuned.best].psnr_db, 30.0);
        EXPECT_TRUE(tuned.inside);
      }
    }
  }
}

TEST(Tuning, TriesNoMoreThanItMayAndSaysWhenTheTopIsAtTheEdge) {
  Hill hill{.first = 12};
  const Tuned tuned = tune(std::ref(hill), 3, false);
  EXPECT_EQ(tuned.tried.size(), 3u);
  EXPECT_EQ(best_of(tuned).parts.first_steps, 4);
  EXPECT_FALSE(tuned.inside);
}

// Of 0, 2, 4 and 3 the best is 2; 1 was not tried.
TEST(Tuning, TheTopIsAtTheEdgeWhereANeighbourBelowWasNotTried) {
  Hill hill{.first = 2, .variants = 1, .most_last = 0, .most_layers = 0};
  const Tuned tuned = tune(std::ref(hill), 4, false);
  EXPECT_EQ(tuned.tried.back().setting.parts.first_steps, 3);
  EXPECT_EQ(best_of(tuned).parts.first_steps, 2);
  EXPECT_FALSE(tuned.inside);
  EXPECT_TRUE(tune(std::ref(hill), 6, false).inside);
}

// With the second plan fewer dense steps are better, down to none.
TEST(Tuning, GoesBackToNoneWhereAnotherNumberAsksForIt) {
  const auto measure = [](const TunedSetting& at) -> std::optional<double> {
    if (at.variant > 1 || *at.parts.last_steps > 0 || at.parts.first_layers > 0) {
      return std::nullopt;
    }
    const double steps = *at.parts.first_steps;
    return at.variant == 0 ? 2.0 - std::abs(steps - 2.0) : 10.0 - steps;
  };
  const Tuned tuned = tune(measure, 40, false);
  EXPECT_EQ(best_of(tuned), (TunedSetting{.parts = {0, 0, 0}, .variant = 1}));
  EXPECT_TRUE(tuned.inside);
}

TEST(Tuning, AsksForNothingTwiceAndCountsNoSettingThatIsNone) {
  Hill hill{.first = 3, .most_steps = 3, .variants = 1};
  const Tuned tuned = tune(std::ref(hill), 40, false);
  EXPECT_EQ(best_of(tuned).parts.first_steps, 3);
  EXPECT_TRUE(tuned.inside);
  for (std::size_t i = 0; i < hill.asked.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_FALSE(hill.asked[i] == hill.asked[j]);
    }
  }
  EXPECT_LT(tuned.tried.size(), hill.asked.size());
}

TEST(Tuning, TheBestOfAllIsTakenNeverAWorseOne) {
  // The last that is tried is not the best, nor is the first.
  Hill hill{.first = 2};
  const Tuned tuned = tune(std::ref(hill), 40, false);
  for (const Tuned::Try& tried : tuned.tried) {
    EXPECT_LE(tried.psnr_db, tuned.tried[tuned.best].psnr_db);
  }
  EXPECT_NE(tuned.best, 0u);
  EXPECT_NE(tuned.best, tuned.tried.size() - 1);
}

TEST(Tuning, OfEquallyGoodSettingsTheFirstIsTaken) {
  const auto measure = [](const TunedSetting& at) -> std::optional<double> {
    return at.variant < 3 ? std::optional(30.0) : std::nullopt;
  };
  EXPECT_EQ(tune(measure, 20, false).best, 0u);
  EXPECT_EQ(tune(measure, 20, true).best, 0u);
}

TEST(Tuning, TheOwnChoiceIsTriedFirstAndWinsOnlyWhenItIsBetter) {
  Hill better{.first = 2, .own_choice = 31.0};
  const Tuned own = tune(std::ref(better), 40, true);
  EXPECT_FALSE(best_of(own).parts.first_steps.has_value());
  EXPECT_EQ(own.best, 0u);
  Hill worse{.first = 2, .own_choice = 29.5};
  EXPECT_EQ(best_of(tune(std::ref(worse), 40, true)).parts.first_steps, 2);
}

TEST(Tuning, ARuleWithoutAPlanHasNoTries) {
  const Tuned tuned =
      tune([](const TunedSetting&) -> std::optional<double> { return std::nullopt; }, 10, false);
  EXPECT_TRUE(tuned.tried.empty());
  EXPECT_FALSE(tuned.inside);
}

}  // namespace
}  // namespace twill::jobs
