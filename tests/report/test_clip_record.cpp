// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>

#include "refusal.h"
#include "twill/plan/error.h"
#include "twill/report/clip_record.h"

namespace twill::report {
namespace {

TEST(ClipRecord, other_programs_videos_have_none) {
  EXPECT_FALSE(clip_record_from({{"encoder", "Lavf59"}}, "a.mp4"));
  EXPECT_FALSE(clip_record_from({{"software", "another"}}, "a.mp4"));
}

TEST(ClipRecord, bad_settings_are_named) {
  const std::map<std::string, std::string> good{{"software", "twill 0.1.0"},
                                                {"prompt", "a"},
                                                {"seed", "1"},
                                                {"size", "256x256x49"},
                                                {"fps", "16.0"},
                                                {"steps", "20"},
                                                {"shift", "3"},
                                                {"cfg", "1"},
                                                {"sampler", "euler"},
                                                {"dtype", "bfloat16"},
                                                {"model", "demo 0"},
                                                {"plan", "dense"}};
  ASSERT_TRUE(clip_record_from(good, "a.mp4"));
  EXPECT_EQ(clip_record_from(good, "a.mp4")->model, "demo");
  const auto refusal = [&](const char* key, const std::string& value) {
    std::map<std::string, std::string> bad = good;
    bad[key] = value;
    return tests::refusal([&] { clip_record_from(bad, "a.mp4"); }, ErrorCode::kFile);
  };
  EXPECT_EQ(refusal("seed", "1; rm"), "a.mp4: its setting seed is \"1; rm\", not a number");
  EXPECT_EQ(refusal("size", "256x256"),
            "a.mp4: its setting size is \"256x256\", not WIDTHxHEIGHTxFRAMES");
  EXPECT_EQ(refusal("steps", "1000000000000000"),
            "a.mp4: its setting steps is \"1000000000000000\", not a number");
  EXPECT_EQ(refusal("sampler", "magic"),
            "a.mp4: its settings: sampler \"magic\" is not one of euler, unipc");
  EXPECT_EQ(refusal("size", "0x256x49"), "a.mp4: its settings: width 0 is not in 1..4096");
  EXPECT_EQ(refusal("seed", "18446744073709551616"),
            "a.mp4: its setting seed is \"18446744073709551616\", not a number");
  EXPECT_EQ(refusal("steps", "123456789012345678901234567890123456789ü456"),
            "a.mp4: its setting steps is \"123456789012345678901234567890123456789...\", not a "
            "number");
  const auto seed = [&](const std::string& value) {
    std::map<std::string, std::string> changed = good;
    changed["seed"] = value;
    return clip_record_from(changed, "a.mp4")->seed;
  };
  EXPECT_EQ(seed("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(seed("-1"), std::numeric_limits<std::uint64_t>::max());  // of earlier versions
  std::map<std::string, std::string> without = good;
  without.erase("fps");
  EXPECT_FALSE(clip_record_from(without, "a.mp4")->clip.fps);
  without.erase("prompt");
  EXPECT_THROW(clip_record_from(without, "a.mp4"), Error);
}

}  // namespace
}  // namespace twill::report
