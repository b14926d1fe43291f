// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/kernels/cuda_plan.h"

#include <gtest/gtest.h>

#include <vector>

namespace twill::kernels {
namespace {

constexpr std::int32_t kTokens = 1000;  // 8 query tiles, 16 key tiles

struct Lists {
  // Two key tiles for each query tile, all of them for the last one: rows of text.
  std::vector<KeyRun> runs{{0, 2}, {1, 2}, {2, 2}, {3, 2}, {4, 2}, {5, 2}, {6, 2}, {0, 16}};
  std::vector<std::int32_t> run_begin{0, 1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> copy;
  std::vector<TileListView> views;
  Lists() {
    for (std::int32_t i = 0; i < kTokens; ++i) {
      positions.push_back(kTokens - 1 - i);
    }
    copy = positions;
    views = {{runs, run_begin, {}}, {runs, run_begin, positions}, {runs, run_begin, copy}};
  }
};

template <typename Record>
Record record_at(const CudaPlan& plan, std::int64_t word) {
  return *reinterpret_cast<const Record*>(plan.image.data() + word);
}

const std::vector<HeadTask> kMixed{{HeadMode::kSkip},      {HeadMode::kSparse, 1},
                                   {HeadMode::kDense},     {HeadMode::kMean},
                                   {HeadMode::kSparse, 0}, {HeadMode::kSparse, 2}};

CudaPlan make(const Lists& lists, const std::vector<std::span<const HeadTask>>& tasks,
              std::int32_t layers) {
  CudaPlan plan;
  const Status status =
      make_cuda_plan({.tokens = kTokens,
                      .lists = lists.views,
                      .variants = static_cast<std::int32_t>(tasks.size()) / layers,
                      .layers = layers,
                      .tasks = tasks},
                     &plan);
  EXPECT_TRUE(status.ok) << status.reason;
  return plan;
}

TEST(CudaPlanTest, DearHeadsComeFirstAndEveryItemHasOnePlace) {
  const Lists lists;
  const CudaPlan plan = make(lists, {kMixed}, 1);
  const std::int64_t at = plan.offsets.layers;
  EXPECT_EQ(plan.image[at], 3) << "the text rows of three sparse heads go first";
  EXPECT_EQ(plan.image[at + 1], 6 * 8 - 3);
  EXPECT_EQ(plan.image[at + 2], 6);
  std::vector<std::int32_t> order;
  std::int32_t heavy = 0;
  std::int32_t others = 0;
  for (std::int32_t i = 0; i < 6; ++i) {
    const auto head = record_at<CudaHead>(plan, at + kCudaLayerWords + 8 * i);
    order.push_back(head.head);
    EXPECT_EQ(head.heavy_before, heavy);
    EXPECT_EQ(head.others_before, others);
    heavy += head.heavy;
    others += 8 - head.heavy;
  }
  EXPECT_EQ(order, (std::vector<std::int32_t>{2, 1, 4, 5, 0, 3}));
}

TEST(CudaPlanTest, ListsKeepTheirTablesAndShareAnOrder) {
  const Lists lists;
  const CudaPlan plan = make(lists, {kMixed}, 1);
  const auto first = record_at<CudaList>(plan, plan.offsets.lists);
  EXPECT_EQ(first.positions, 0);
  EXPECT_EQ(first.heavy, 1);
  EXPECT_EQ(plan.image[first.order], 7) << "the tile of text";
  EXPECT_EQ(plan.image[first.order + 1], 0);
  EXPECT_EQ(plan.image[first.tiles + 7], 16);
  EXPECT_EQ(plan.image[first.runs + 2 * plan.image[first.run_begin + 3]], 3);
  const auto second = record_at<CudaList>(plan, plan.offsets.lists + 8);
  const auto third = record_at<CudaList>(plan, plan.offsets.lists + 16);
  EXPECT_NE(second.positions, 0);
  EXPECT_EQ(second.positions, third.positions);
  EXPECT_EQ(plan.image[second.positions], kTokens - 1);
}

TEST(CudaPlanTest, TilesThatShareNoKeysWithTheNextGoByTheirLength) {
  const auto order_of = [](const std::vector<KeyRun>& runs) {
    const std::vector<std::int32_t> run_begin{0, 1, 2, 3, 4, 5, 6, 7, 8};
    Lists lists;
    lists.views = {{runs, run_begin, {}}};
    const CudaPlan plan = make(lists, {std::vector<HeadTask>{{HeadMode::kSparse, 0}}}, 1);
    const auto list = record_at<CudaList>(plan, plan.offsets.lists);
    return std::vector<std::int32_t>(plan.image.begin() + list.order,
                                     plan.image.begin() + list.order + 8);
  };
  EXPECT_EQ(order_of({{0, 3}, {8, 5}, {0, 4}, {8, 3}, {0, 5}, {8, 4}, {0, 3}, {8, 4}}),
            (std::vector<std::int32_t>{1, 4, 2, 5, 7, 0, 3, 6}));
  EXPECT_EQ(order_of({{0, 3}, {0, 5}, {0, 4}, {1, 3}, {1, 5}, {2, 4}, {2, 3}, {2, 4}}),
            (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(CudaPlanTest, HeadsOfAPrecisionAreAPartOfTheirOwn) {
  const Lists lists;
  std::vector<HeadTask> tasks = kMixed;
  for (const int head : {0, 2, 3, 5}) {  // skip and mean have no keys: nothing to quantise
    tasks[head].precision = Precision::kInt8;
  }
  const CudaPlan plan = make(lists, {kMixed, tasks}, 1);
  EXPECT_EQ(plan.layers[0].in_elements, 6);
  EXPECT_EQ(plan.layers[0].quantised, 2);
  EXPECT_EQ(plan.layers[0].gathered, 2);
  const std::int64_t at = plan.offsets.layers + plan.offsets.layer_words;
  const auto first = record_at<CudaPart>(plan, at);
  const auto second = record_at<CudaPart>(plan, at + 4);
  EXPECT_EQ(first.heads, 4);
  EXPECT_EQ(first.heavy, 2);
  EXPECT_EQ(first.others, 4 * 8 - 2);
  EXPECT_EQ(second.first_head, 4);
  EXPECT_EQ(second.heads, 2);
  EXPECT_EQ(second.heavy, 1);
  EXPECT_EQ(second.others, 2 * 8 - 1);
  std::vector<std::int32_t> order;
  std::vector<std::int32_t> gathered;
  for (std::int32_t i = 0; i < 6; ++i) {
    const auto head = record_at<CudaHead>(plan, at + kCudaLayerWords + 8 * i);
    EXPECT_EQ(head.precision, i < 4 ? 0 : 1);
    order.push_back(head.head);
    gathered.push_back(head.gathered);
  }
  EXPECT_EQ(order, (std::vector<std::int32_t>{1, 4, 0, 3, 2, 5}));
  EXPECT_EQ(gathered, (std::vector<std::int32_t>{0, -1, -1, -1, 0, 1}))
      << "a quantised head is copied in any order, and counts in its own part";
}

TEST(CudaPlanTest, ALayerKnowsTheMostOfItsVariants) {
  const Lists lists;
  const std::vector<HeadTask> dense(6);
  const CudaPlan plan = make(lists, {dense, kMixed, kMixed, dense}, 2);
  ASSERT_EQ(plan.layers.size(), 2u);
  for (const CudaPlan::Layer& layer : plan.layers) {
    EXPECT_EQ(layer.heads, 6);
    EXPECT_EQ(layer.gathered, 2);
    EXPECT_EQ(layer.means, 1);
  }
  EXPECT_EQ(plan.image[plan.offsets.layers], 0) << "variant 0, layer 0 is dense";
  EXPECT_EQ(plan.image[plan.offsets.layers + plan.offsets.layer_words], 3);
}

TEST(CudaPlanTest, RefusalsNameTheThing) {
  const Lists lists;
  CudaPlan plan;
  const std::vector<std::span<const HeadTask>> tasks{kMixed};
  EXPECT_EQ(
      make_cuda_plan(
          {.tokens = kTokens, .lists = lists.views, .variants = 2, .layers = 1, .tasks = tasks},
          &plan)
          .reason,
      "1 task tables for 2 variants of 1 layers");
  EXPECT_EQ(
      make_cuda_plan(
          {.tokens = 900, .lists = lists.views, .variants = 1, .layers = 1, .tasks = tasks}, &plan)
          .reason,
      "list 1: run 7 (0, 16) is out of order or outside the 15 key tiles");
  const std::vector<HeadTask> five(5);
  const std::vector<std::span<const HeadTask>> uneven{kMixed, five};
  EXPECT_EQ(
      make_cuda_plan(
          {.tokens = kTokens, .lists = lists.views, .variants = 2, .layers = 1, .tasks = uneven},
          &plan)
          .reason,
      "layer 0: 5 tasks in one variant, 6 in another");
}

}  // namespace
}  // namespace twill::kernels
