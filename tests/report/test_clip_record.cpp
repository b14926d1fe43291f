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

TEST(ClipRecord, pictures_are_named) {
  ClipRecord record{.prompt = "a",
                    .model = "demo",
                    .model_fingerprint = "0",
                    .image = "start picture.png 0123456789abcdef",
                    .end_image = "end.png 0123456789abcdef",
                    .software = "twill 0.1.0"};
  record.clip = {.width = 32,
                 .height = 48,
                 .frames = 5,
                 .fps = 16.0,
                 .steps = 2,
                 .shift = 3.0,
                 .cfg = 1.0,
                 .sampler = "euler",
                 .dtype = "float32"};
  record.clip.prompt_weights = PromptWeights::kComfyUi;
  const std::optional<ClipRecord> back = clip_record_from(to_metadata(record), "a.mp4");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->clip.prompt_weights, PromptWeights::kComfyUi);
  EXPECT_EQ(back->image, record.image);
  EXPECT_EQ(back->end_image, record.end_image);
  EXPECT_FALSE(to_metadata(record).contains("cfg_second"));
  record.clip.cfg = Guidance(4.0, 3.0);
  EXPECT_EQ(clip_record_from(to_metadata(record), "a.mp4")->clip.cfg, record.clip.cfg);
  record.image.clear();
  record.end_image.clear();
  EXPECT_FALSE(to_metadata(record).contains("image"));
  EXPECT_FALSE(to_metadata(record).contains("end_image"));
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
                                                {"prompt_weights", "auto"},
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
  EXPECT_EQ(
      refusal("sampler", "magic"),
      "a.mp4: its settings: sampler \"magic\" is not one of euler, unipc, uni_pc, uni_pc_bh2");
  EXPECT_EQ(refusal("size", "0x256x49"), "a.mp4: its settings: width 0 is not in 1..4096");
  EXPECT_EQ(refusal("seed", "18446744073709551616"),
            "a.mp4: its setting seed is \"18446744073709551616\", not a number");
  EXPECT_EQ(refusal("steps", "123456789012345678901234567890123456789ü456"),
            "a.mp4: its setting steps is \"123456789012345678901234567890123456789...\", not a "
            "number");
  EXPECT_EQ(refusal("prompt_weights", "a1111"),
            "a.mp4: its settings: prompt weights \"a1111\" is not one of auto, comfyui, none");
  EXPECT_EQ(refusal("loras", "[{"),
            "a.mp4: its setting loras: line 1, column 3: not JSON: "
            "object key - unexpected end of input; expected string literal");
  EXPECT_EQ(refusal("loras", "{}"), "a.mp4: its setting loras is no list of at most 64 entries");
  EXPECT_EQ(refusal("loras", R"([{"lora": "x=a:1", "fingerprint": "0"}])"),
            "a.mp4: its settings: LoRA \"a\": \"x\" is no expert; experts are high_noise and "
            "low_noise, and a file with '=' in its name is written as ./NAME");
  const auto seed = [&](const std::string& value) {
    std::map<std::string, std::string> changed = good;
    changed["seed"] = value;
    return clip_record_from(changed, "a.mp4")->seed;
  };
  EXPECT_EQ(seed("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(seed("-1"), std::numeric_limits<std::uint64_t>::max());  // of earlier versions
  std::map<std::string, std::string> without = good;
  EXPECT_EQ(clip_record_from(without, "a.mp4")->clip.prompt_weights, PromptWeights::kAuto);
  without.erase("prompt_weights");  // of versions that read every prompt as text
  EXPECT_EQ(clip_record_from(without, "a.mp4")->clip.prompt_weights, PromptWeights::kNone);
  without.erase("fps");
  EXPECT_FALSE(clip_record_from(without, "a.mp4")->clip.fps);
  without.erase("prompt");
  EXPECT_THROW(clip_record_from(without, "a.mp4"), Error);
}

TEST(ClipRecord, loras_are_read_back_as_they_were) {
  ClipRecord record{.clip = {.width = 16,
                             .height = 16,
                             .frames = 1,
                             .fps = 16,
                             .steps = 1,
                             .shift = 1,
                             .cfg = 1,
                             .sampler = "euler",
                             .dtype = "float32"},
                    .model = "demo",
                    .software = "twill 0"};
  EXPECT_FALSE(to_metadata(record).contains("loras"));
  record.loras = {{.choice = {.file = "a b:2.safetensors", .strength = 0.1}, .fingerprint = "12"},
                  {.choice = {.file = "c", .strength = -1, .expert = "low_noise"}}};
  const std::optional<ClipRecord> read = clip_record_from(to_metadata(record), "a.mp4");
  ASSERT_EQ(read->loras.size(), 2U);
  EXPECT_EQ(lora_text(read->loras[0].choice), "a b:2.safetensors:0.1");
  EXPECT_EQ(read->loras[0].fingerprint, "12");
  EXPECT_EQ(lora_text(read->loras[1].choice), "low_noise=c:-1");
  EXPECT_EQ(to_metadata(*read), to_metadata(record));
}

}  // namespace
}  // namespace twill::report
