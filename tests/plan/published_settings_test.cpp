// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/published_settings.h"

#include <gtest/gtest.h>

#include "twill/plan/sampler_times.h"

namespace twill {
namespace {

TEST(PublishedSettings, AreOfTheirWeights) {
  const std::vector<PublishedSetting>& large = published_settings(model_family("wan2.1-i2v"), 0);
  ASSERT_EQ(large.size(), 4U);
  // Wan's generate.py: shift 3 for pictures at 480p, 16 from picture to picture, else 5.
  EXPECT_EQ(large[0].shift, 5.0);
  EXPECT_EQ(large[1].shift, 3.0);
  EXPECT_EQ(large[1].height, 480);
  EXPECT_EQ(large[2].kind, SettingKind::kTwoPictures);
  EXPECT_EQ(large[2].shift, 16.0);
  EXPECT_EQ(large[3].kind, SettingKind::kDistilled);
  EXPECT_EQ(large[3].width, 0);
  // Its README says it of 1.3B alone.
  EXPECT_EQ(published_settings(model_family("wan2.1-t2v"), 0).at(0).shift, 8.0);
  EXPECT_EQ(published_settings(model_family("wan2.1-t2v"), 1).at(0).shift, 5.0);
  EXPECT_TRUE(published_settings(model_family("mochi-1"), 0).empty());
}

// What a step-distilled LoRA was trained on: t of 1000, 750, 500 and 250 before the shift, two
// steps for each expert.
TEST(PublishedSettings, DistilledOnesRunTheStepsThatTheirLorasWereTrainedOn) {
  int count = 0;
  for (const ModelFamily& family : model_families()) {
    for (std::size_t size = 0; size < family.sizes.size(); ++size) {
      for (const PublishedSetting& setting : published_settings(family, size)) {
        const std::vector<double> t = sampler_t(setting.sampler, setting.steps, setting.shift);
        if (setting.kind != SettingKind::kDistilled) {
          continue;
        }
        ++count;
        EXPECT_EQ(setting.cfg, 1.0);
        ASSERT_EQ(t.size(), 4U);
        for (std::size_t i = 0; i < t.size(); ++i) {
          const double before = 1.0 - 0.25 * static_cast<double>(i);
          EXPECT_NEAR(t[i], 5.0 * before / (1.0 + 4.0 * before), 1e-12);
          EXPECT_TRUE(!family.boundary || family.expert_at(t[i]) == (i < 2 ? 0 : 1)) << family.name;
        }
      }
    }
  }
  EXPECT_EQ(count, 4);
}

}  // namespace
}  // namespace twill
