// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Plan -> device tables: host code, so it is tested where no device is.
#include "twill/plan/cuda_tables.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "plan/sample_plans.h"
#include "twill/plan/error.h"
#include "twill/plan/plan_view.h"

namespace twill {
namespace {

constexpr TokenLayout kLayout{.frames = 3, .rows = 8, .cols = 8};

TEST(CudaTables, EveryLayerOfEveryStackHasItsPlace) {
  const Plan plan = test::full_plan();
  const CudaTables tables = make_cuda_tables(CompiledPlan(plan, kLayout));
  std::set<std::int32_t> places;
  std::int32_t layers = 0;
  for (std::int32_t stack = 0; stack < std::ssize(plan.model.stacks); ++stack) {
    const StackShape& shape = plan.model.stacks[static_cast<std::size_t>(stack)];
    layers += shape.layers;
    for (std::int32_t layer = 0; layer < shape.layers; ++layer) {
      const std::int32_t place = tables.layer(stack, layer);
      places.insert(place);
      EXPECT_EQ(tables.plan.layers[static_cast<std::size_t>(place)].heads, shape.heads);
    }
    EXPECT_THROW(tables.layer(stack, shape.layers), Error);
    EXPECT_THROW(tables.layer(stack, -1), Error);
  }
  EXPECT_EQ(std::ssize(places), layers);
  EXPECT_EQ(std::ssize(tables.plan.layers), layers);
  EXPECT_THROW(tables.layer(static_cast<std::int32_t>(plan.model.stacks.size()), 0), Error);
}

TEST(CudaTables, EverySegmentOfEveryExpertIsAVariant) {
  const Plan plan = test::full_plan();
  const CudaTables tables = make_cuda_tables(CompiledPlan(plan, kLayout));
  const auto segments = static_cast<std::int32_t>(plan.segments.size());
  const auto experts = static_cast<std::int32_t>(plan.model.experts.size());
  std::set<std::int32_t> variants;
  for (std::int32_t segment = 0; segment < segments; ++segment) {
    for (std::int32_t expert = 0; expert < experts; ++expert) {
      variants.insert(tables.variant(segment, expert));
    }
  }
  EXPECT_EQ(std::ssize(variants), segments * experts);
  EXPECT_EQ(tables.plan.variants, segments * experts);
  EXPECT_EQ(*variants.rbegin(), tables.plan.variants - 1);
  EXPECT_THROW(tables.variant(segments, 0), Error);
  EXPECT_THROW(tables.variant(0, experts), Error);
}

// Heads of the image's INT8 parts, over all layers of all variants.
std::int64_t int8_heads_of(const CudaTables& tables) {
  const kernels::CudaPlan& plan = tables.plan;
  std::int64_t heads = 0;
  for (std::int64_t i = 0; i < plan.variants * std::ssize(plan.layers); ++i) {
    const std::int32_t* layer =
        plan.image.data() + plan.offsets.layers + i * plan.offsets.layer_words;
    heads += reinterpret_cast<const kernels::CudaPart*>(
                 layer)[static_cast<std::int32_t>(Precision::kInt8)]
                 .heads;
  }
  return heads;
}

TEST(CudaTables, HeadsInInt8AreInTheirOwnPartWhereAKernelTakesThem) {
  const Plan plan = test::precise_plan();
  const std::int64_t asked = precision_counts(plan).int8;
  EXPECT_EQ(asked, 3);  // of the plan's four, one is a mean
  const CudaTables tables = make_cuda_tables(CompiledPlan(plan, kLayout));
  EXPECT_EQ(tables.int8_left_out, 0);
  EXPECT_EQ(int8_heads_of(tables), asked);
}

TEST(CudaTables, WithoutSuchAKernelTheyAreInBf16AndCounted) {
  const Plan plan = test::precise_plan();
  const CudaTables tables = make_cuda_tables(CompiledPlan(plan, kLayout), false);
  EXPECT_EQ(tables.int8_left_out, precision_counts(plan).int8);
  EXPECT_EQ(int8_heads_of(tables), 0);
  Plan in_bf16 = plan;
  for (Segment& segment : in_bf16.segments) {
    for (auto& heads : segment.heads) {
      for (HeadPlan& head : heads) {
        head.precision = Precision::kBf16;
      }
    }
  }
  EXPECT_EQ(tables.plan.image, make_cuda_tables(CompiledPlan(in_bf16, kLayout)).plan.image);
}

}  // namespace
}  // namespace twill
