// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The kernels' walk over items of work, on the host: lanes of a warp one after the other, which is
// possible because what they vote decides nothing before the vote's result is used.
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include "twill/kernels/cuda_plan.h"

namespace {

struct {
  unsigned x = 0;
} threadIdx;
struct int2 {
  std::int32_t x, y;
};

// First every lane says what it votes, then each runs again and is told what all have voted.
class Votes {
 public:
  void begin(bool telling) {
    telling_ = telling;
    at_ = 0;
    if (!telling) {
      all_.clear();
    }
  }
  void next_lane() { at_ = 0; }
  unsigned vote(bool mine) {
    if (at_ == all_.size()) {
      all_.push_back(0);
    }
    unsigned& of_all = all_[at_++];
    of_all |= telling_ || !mine ? 0u : 1u << threadIdx.x;
    return of_all;
  }

 private:
  bool telling_ = false;
  std::size_t at_ = 0;
  std::vector<unsigned> all_;
} votes;

unsigned __ballot_sync(unsigned, bool mine) { return votes.vote(mine); }
int __ffs(int value) { return value == 0 ? 0 : std::countr_zero(static_cast<unsigned>(value)) + 1; }
std::int32_t __shfl_sync(unsigned, std::int32_t value, int) { return value; }

}  // namespace

#define __device__
#define __forceinline__ inline
#include "cuda/work.cuh"

namespace twill::kernels {
namespace {

template <Precision kPrecision>
cuda::Item find(const LayerView& view, std::int32_t number) {
  const cuda::WorkList<kPrecision> work(view);
  cuda::Item item;
  for (const bool telling : {false, true}) {
    votes.begin(telling);
    for (threadIdx.x = 0; threadIdx.x < 32; ++threadIdx.x) {
      votes.next_lane();
      item = work.find(number);
    }
  }
  return item;
}

using Place = std::tuple<std::int32_t, std::int32_t, std::int32_t>;  // batch, head, query tile

template <Precision kPrecision>
std::set<Place> places_of(const LayerView& view, const std::vector<HeadTask>& tasks) {
  std::set<Place> places;
  for (std::int32_t number = 0;; ++number) {
    const cuda::Item item = find<kPrecision>(view, number);
    if (item.mode < 0) {
      return places;
    }
    const HeadTask& task = tasks[item.head];
    EXPECT_EQ(item.mode, static_cast<std::int32_t>(task.mode));
    EXPECT_TRUE(places.emplace(item.batch, item.head, item.query_tile).second)
        << "item " << number << " is one that another number had";
  }
}

TEST(WorkList, HasEveryQueryTileOfEveryHeadOnceInTheLaunchOfItsPrecision) {
  constexpr std::int32_t kTokens = 1000;  // 8 query tiles, 16 key tiles
  const std::vector<KeyRun> runs{{0, 2}, {1, 2}, {2, 2}, {3, 2}, {4, 2}, {5, 2}, {6, 2}, {0, 16}};
  const std::vector<std::int32_t> run_begin{0, 1, 2, 3, 4, 5, 6, 7, 8};
  const std::vector<TileListView> lists{{runs, run_begin, {}}};
  std::mt19937 random(1);
  // More heads than a warp has lanes, too; with one precision and with both.
  for (const std::int32_t heads : {1, 2, 6, 24, 40, 64, 70}) {
    for (const int int8_of_ten : {0, 3, 10}) {
      std::vector<HeadTask> tasks(heads);
      for (HeadTask& task : tasks) {
        task.mode = static_cast<HeadMode>(random() % 4);
        task.list = task.mode == HeadMode::kSparse ? 0 : -1;
        task.precision =
            static_cast<int>(random() % 10) < int8_of_ten ? Precision::kInt8 : Precision::kBf16;
      }
      const std::vector<std::span<const HeadTask>> layers{tasks};
      CudaPlan plan;
      ASSERT_TRUE(make_cuda_plan(
          {.tokens = kTokens, .lists = lists, .variants = 1, .layers = 1, .tasks = layers}, &plan));
      const LayerView view{.image = plan.image.data(),
                           .offsets = plan.offsets,
                           .layers = 1,
                           .batch = 2,
                           .heads = heads,
                           .tokens = kTokens};
      std::map<Precision, std::set<Place>> expected;
      for (std::int32_t head = 0; head < heads; ++head) {
        const bool has_keys =
            tasks[head].mode == HeadMode::kDense || tasks[head].mode == HeadMode::kSparse;
        for (const std::int32_t batch : {0, 1}) {
          for (std::int32_t tile = 0; tile < 8; ++tile) {
            expected[has_keys ? tasks[head].precision : Precision::kBf16].emplace(batch, head,
                                                                                  tile);
          }
        }
      }
      EXPECT_EQ(places_of<Precision::kBf16>(view, tasks), expected[Precision::kBf16]);
      EXPECT_EQ(places_of<Precision::kInt8>(view, tasks), expected[Precision::kInt8]);
    }
  }
}

}  // namespace
}  // namespace twill::kernels
