// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/kernels/machine.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cpu/tile_ops.h"

namespace twill::kernels {
namespace {

TEST(Driver, IsRefusedInASentence) {
  EXPECT_EQ(why_not_driver(13000, 13010), "");
  EXPECT_EQ(why_not_driver(13000, 13000), "");
  EXPECT_EQ(why_not_driver(12040, 13000), "");
  EXPECT_EQ(why_not_driver(13020, 13000), "");  // minor releases run on every driver of the major
  EXPECT_EQ(why_not_driver(13000, 12080),
            "the NVIDIA driver is too old: it runs CUDA 12.8, these kernels are built with CUDA "
            "13.0 and need driver 580 or newer");
  EXPECT_EQ(why_not_driver(13000, 0), "no NVIDIA driver was found, so there is no GPU to run on");
  EXPECT_EQ(why_not_driver(0, 13000), "this build has no CUDA kernels (built without nvcc)");
}

TEST(Capability, IsRefusedInASentence) {
  for (const std::int32_t capability : {80, 86, 89, 90, 100, 120, 130}) {
    EXPECT_EQ(why_not_capability(capability), "");
  }
  EXPECT_EQ(why_not_capability(75),
            "the device has compute capability 7.5; the kernels are for 8.0 and newer (A100, RTX "
            "30 and later), elsewhere plans run in plain PyTorch");
}

std::string best_kernel(std::int32_t capability, const CudaCall& call) {
  for (const CudaKernelFact& fact : cuda_kernels(capability, call)) {
    if (fact.why_not.empty()) {
      return fact.name;
    }
  }
  return "none";
}

TEST(CudaKernels, AreChosenByDeviceAndHeadDim) {
  const struct {
    const char* why;
    std::int32_t capability, head_dim;
    const char* kernel;
    Precision precision = Precision::kBf16;
  } rows[] = {{"H100", 90, 128, "hopper"},
              {"H100, a head_dim that Hopper's kernel lacks", 90, 96, "portable"},
              {"A100", 80, 128, "portable"},
              {"B200: Hopper's instructions are gone", 100, 128, "portable"},
              {"RTX 3090: 99 KiB of shared memory", 86, 128, "compact"},
              {"RTX 4090", 89, 64, "compact"},
              {"RTX 5090", 120, 256, "compact"},
              {"a card to come", 130, 128, "compact"},
              {"RTX 2080", 75, 128, "none"},
              {"a head_dim that none has", 89, 80, "none"},
              {"INT8 on an H100", 90, 128, "int8", Precision::kInt8},
              {"INT8 on an RTX 3090", 86, 64, "int8_compact", Precision::kInt8},
              {"INT8 on an A100", 80, 128, "int8", Precision::kInt8},
              {"bulk copies, which an A100 lacks", 80, 64, "int8_compact", Precision::kInt8},
              {"bulk copies", 90, 64, "int8", Precision::kInt8},
              {"a head_dim that INT8 lacks", 89, 256, "none", Precision::kInt8}};
  for (const auto& row : rows) {
    const CudaCall call{.head_dim = row.head_dim, .scale = 0.1f, .precision = row.precision};
    EXPECT_EQ(best_kernel(row.capability, call), row.kernel) << row.why;
  }
}

TEST(CudaKernels, SayWhyNot) {
  const auto reason = [](const char* kernel, std::int32_t capability, const CudaCall& call) {
    for (const CudaKernelFact& fact : cuda_kernels(capability, call)) {
      if (fact.name == kernel) {
        return fact.why_not;
      }
    }
    return std::string("no such kernel");
  };
  const CudaCall call{.head_dim = 128, .scale = 0.1f};
  EXPECT_EQ(reason("hopper", 89, call),
            "the device has compute capability 8.9, the hopper kernel is for 9.0");
  EXPECT_EQ(reason("compact", 75, call),
            "the device has compute capability 7.5, the compact kernel is for 8.0 and newer");
  EXPECT_EQ(reason("portable", 89, call),
            "a block on a device of compute capability 8.9 has 99 KiB of shared memory, the "
            "portable kernel needs 163");
  EXPECT_EQ(reason("hopper", 90, {.head_dim = 96}),
            "head_dim 96: the hopper CUDA kernel takes 64 and 128");
  EXPECT_EQ(reason("compact", 90, {.head_dim = 80}),
            "head_dim 80: the compact CUDA kernel takes 64, 96, 128 and 256");
  EXPECT_EQ(reason("compact", 90, {.head_dim = 64, .dtype = Dtype::kF32}),
            "dtype float32: the CUDA kernels take bfloat16 and float16");
  EXPECT_EQ(reason("compact", 90, {.head_dim = 64, .scale = -1.0f}),
            "scale -1.000000: the CUDA kernels take none below 0");
  EXPECT_EQ(reason("int8", 80, {.head_dim = 64, .precision = Precision::kInt8}),
            "the device has compute capability 8.0, the int8 kernel is for 9.0 and newer at "
            "head_dim 64");
}

TEST(CudaKernels, RunWhereOneDeviceRunsThem) {
  const auto reasons = [](const CudaMachine& machine) {
    std::vector<std::string> all;
    for (const KernelFact& fact : cuda_kernels_of(machine)) {
      all.push_back(fact.why_not.empty() ? fact.name : "");
    }
    return all;
  };
  const CudaDevice ada{.name = "RTX 4090", .capability = 89};
  const CudaDevice hopper{.name = "H200", .capability = 90};
  using Names = std::vector<std::string>;
  EXPECT_EQ(reasons({.devices = {ada}}), (Names{"", "", "compact", "", "int8_compact"}));
  const CudaDevice ampere{.name = "A100", .capability = 80};
  EXPECT_EQ(reasons({.devices = {ampere}}),
            (Names{"", "portable", "compact", "int8", "int8_compact"}));
  EXPECT_EQ(reasons({.devices = {ada, hopper}}),
            (Names{"hopper", "portable", "compact", "int8", "int8_compact"}));
  EXPECT_EQ(reasons({.why_not = "no driver"}), (Names{"", "", "", "", ""}));
  EXPECT_EQ(cuda_kernels_of({.why_not = "no driver"}).front().why_not, "no driver");
}

TEST(CpuKernels, AreThoseThatRun) {
  const std::vector<KernelFact> facts = cpu_kernels();
  ASSERT_FALSE(facts.empty());
  EXPECT_EQ(facts.back().name, "portable");
  EXPECT_EQ(facts.back().why_not, "");
  // The first that runs is the one that bf16 inputs are given to.
  const auto first = std::ranges::find(facts, "", &KernelFact::why_not);
  EXPECT_EQ(first->name, tile_ops(Dtype::kBf16).instructions);
  for (const KernelFact& fact : facts) {
    if (!fact.why_not.empty()) {
      EXPECT_TRUE(fact.why_not.starts_with("this processor has no ") ||
                  fact.why_not.starts_with("this build's compiler "))
          << fact.why_not;
    }
  }
}

}  // namespace
}  // namespace twill::kernels
