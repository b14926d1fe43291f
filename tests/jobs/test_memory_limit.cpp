// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "memory_limit.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "jobs/scratch_folder.h"
#include "twill/jobs/free_memory.h"
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

TEST(HostMemoryLimit, is_what_is_told_or_what_is_free_less_a_margin) {
  EXPECT_EQ(host_memory_limit(12.0, kGib), 12 * kGib);
  EXPECT_EQ(host_memory_limit(std::nullopt, std::nullopt), std::nullopt);
  EXPECT_EQ(host_memory_limit(std::nullopt, 10 * kGib), 8 * kGib);
  EXPECT_EQ(host_memory_limit(std::nullopt, 100 * kGib), 90 * kGib);
  EXPECT_EQ(host_memory_limit(std::nullopt, kGib), 0);
}

// As Docker's `--memory` has it: the machine has more than the container may take.
TEST(FreeMemory, of_a_container_is_what_its_limit_leaves) {
  const tests::ScratchFolder group;
  const auto write = [&](const char* file, const std::string& text) {
    std::ofstream(group / file) << text;
  };
  EXPECT_EQ(free_memory_of_group(group / "none"), std::nullopt);
  write("memory.max", "max\n");
  write("memory.current", "3000\n");
  EXPECT_EQ(free_memory_of_group(group / "."), std::nullopt);
  write("memory.max", "10000\n");
  EXPECT_EQ(free_memory_of_group(group / "."), 7000);
  write("memory.stat", "anon 1000\nfile 1500\ninactive_file 1200\nactive_file 300\n");
  EXPECT_EQ(free_memory_of_group(group / "."), 8200);
  write("memory.current", "20000\n");
  EXPECT_EQ(free_memory_of_group(group / "."), 0);
  EXPECT_GT(free_memory_bytes().value_or(1), 0);
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
