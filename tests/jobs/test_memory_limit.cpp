// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "memory_limit.h"

#include <gtest/gtest.h>

#include <string>

#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

constexpr std::int64_t kGib = std::int64_t{1} << 30;

TEST(MemoryLimit, is_what_is_told_or_what_is_free_less_a_margin) {
  const engine::DeviceMemory card{.free = 22 * kGib, .total = 24 * kGib};
  EXPECT_EQ(memory_limit(std::nullopt, std::nullopt), std::nullopt);
  EXPECT_EQ(memory_limit(12.0, std::nullopt), std::nullopt);
  EXPECT_EQ(memory_limit(12.0, card), 12 * kGib);
  EXPECT_EQ(memory_limit(std::nullopt, card), 22 * kGib - 24 * kGib / 16);
  const engine::DeviceMemory small{.free = 5 * kGib, .total = 8 * kGib};
  EXPECT_EQ(memory_limit(std::nullopt, small), 5 * kGib - kGib * 3 / 4);
  EXPECT_EQ(memory_limit(std::nullopt, engine::DeviceMemory{.free = 0, .total = 8 * kGib}), 0);
}

TEST(MemoryLimit, a_device_without_memory_is_a_sentence) {
  const auto fail = [](const std::optional<std::int64_t>& limit) -> std::string {
    try {
      with_memory("sparse clip", limit, []() -> int {
        throw c10::OutOfMemoryError({__func__, __FILE__, 1}, "CUDA out of memory");
      });
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kSystem);
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(fail(std::nullopt),
            "sparse clip: the device has no memory left: choose fewer frames, a smaller size or a "
            "smaller --vram, so that fewer weights stay there; other programs that use the GPU "
            "take from it too");
  EXPECT_NE(fail(12 * kGib).find("no memory left (the model was given 12.00 GiB): choose"),
            std::string::npos);
  EXPECT_EQ(with_memory("sparse clip", kGib, [] { return 3; }), 3);
}

}  // namespace
}  // namespace twill::jobs
