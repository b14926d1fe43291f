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
  EXPECT_EQ(why_not_capability(90), "");
  EXPECT_EQ(why_not_capability(89),
            "the device has compute capability 8.9; the kernels are for 9.0 (Hopper: H100, H200), "
            "elsewhere plans run in plain PyTorch");
  EXPECT_NE(why_not_capability(120).find("compute capability 12.0"), std::string::npos);
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
