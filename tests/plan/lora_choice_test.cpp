// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/lora_choice.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "expect_error.h"

namespace twill {
namespace {

struct Written {
  const char* text;
  const char* file;
  double strength;
  const char* expert;
};

TEST(LoraChoice, OnlyANumberBehindTheLastColonIsAStrength) {
  for (const Written& each :
       {Written{"a.safetensors", "a.safetensors", 1.0, ""},
        Written{"a.safetensors:0.5", "a.safetensors", 0.5, ""},
        Written{"a.safetensors:-1e-2", "a.safetensors", -0.01, ""},
        Written{"a.safetensors:0", "a.safetensors", 0.0, ""},
        Written{R"(C:\loras\a.safetensors)", R"(C:\loras\a.safetensors)", 1.0, ""},
        Written{R"(C:\loras\a.safetensors:0.8)", R"(C:\loras\a.safetensors)", 0.8, ""},
        Written{"a:b", "a:b", 1.0, ""}, Written{"a:0.5x", "a:0.5x", 1.0, ""},
        Written{"a:", "a:", 1.0, ""}, Written{":5", ":5", 1.0, ""},
        Written{"a:2:3", "a:2", 3.0, ""}, Written{"high_noise=a:2", "a", 2.0, "high_noise"},
        Written{"low_noise=b=c", "b=c", 1.0, "low_noise"},
        Written{"./high_noise=a", "./high_noise=a", 1.0, ""},
        Written{"loras/x=a", "loras/x=a", 1.0, ""}}) {
    const LoraChoice lora = parse_lora(each.text);
    EXPECT_EQ(lora.file, each.file) << each.text;
    EXPECT_EQ(lora.strength, each.strength) << each.text;
    EXPECT_EQ(lora.expert, each.expert) << each.text;
    const LoraChoice again = parse_lora(lora_text(lora));
    EXPECT_EQ(again.file, lora.file) << each.text;
    EXPECT_EQ(again.strength, lora.strength) << each.text;
    EXPECT_EQ(again.expert, lora.expert) << each.text;
  }
  EXPECT_EQ(lora_text({.file = "high_noise=a"}), "./high_noise=a:1");
}

TEST(LoraChoice, RefusalsNameTheText) {
  EXPECT_ERROR(parse_lora(""), "a LoRA of no file");
  EXPECT_ERROR(parse_lora("low_noise="), "a LoRA of no file");
  EXPECT_ERROR(parse_lora("noise=a:1"),
               "LoRA \"a\": \"noise\" is no expert; experts are high_noise and low_noise, and a "
               "file with '=' in its name is written as ./NAME");
  EXPECT_ERROR(parse_lora("a:nan"), "LoRA \"a\": strength nan is not in -100..100");
  EXPECT_ERROR(parse_lora("a:-100.5"), "LoRA \"a\": strength -100.5 is not in -100..100");
  EXPECT_ERROR(parse_lora("a:1e999"), "LoRA \"a:1e999\": its strength is not in -100..100");
  EXPECT_ERROR(check_loras(std::vector<LoraChoice>(65, {.file = "a"})),
               "65 LoRAs are more than the limit of 64");
  EXPECT_ERROR(check_loras({{.file = "a", .strength = std::numeric_limits<double>::quiet_NaN()}}),
               "LoRA \"a\": strength nan is not in -100..100");
}

}  // namespace
}  // namespace twill
