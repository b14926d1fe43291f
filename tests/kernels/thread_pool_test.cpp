// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "cpu/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <new>
#include <thread>
#include <vector>

namespace twill::kernels {
namespace {

TEST(ThreadPool, EveryItemRunsOnceOnAKnownWorker) {
  for (const std::int32_t threads : {1, 2, 5, 16}) {
    for (const std::int64_t items : {0, 1, 3, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(items));
      std::atomic<bool> strange = false;
      parallel_for(items, {.count = threads}, [&](std::int64_t item, std::int32_t worker) {
        ++runs[static_cast<std::size_t>(item)];
        if (worker < 0 || worker >= threads) {
          strange = true;
        }
      });
      EXPECT_FALSE(strange);
      for (const std::atomic<int>& count : runs) {
        ASSERT_EQ(count, 1) << items << " items on " << threads << " threads";
      }
    }
  }
}

TEST(ThreadPool, AWorkerIsNeverInTwoItemsAtOnce) {
  std::vector<std::atomic<int>> inside(4);
  std::atomic<bool> clash = false;
  parallel_for(2000, {.count = 4}, [&](std::int64_t, std::int32_t worker) {
    if (++inside[static_cast<std::size_t>(worker)] != 1) {
      clash = true;
    }
    --inside[static_cast<std::size_t>(worker)];
  });
  EXPECT_FALSE(clash);
}

TEST(ThreadPool, CallersAtTheSameTimeAllFinish) {
  std::atomic<std::int64_t> sum = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 50; ++repeat) {
        parallel_for(20, {.count = 3}, [&](std::int64_t item, std::int32_t) { sum += item; });
      }
    });
  }
  for (std::thread& caller : callers) {
    caller.join();
  }
  EXPECT_EQ(sum, 4 * 50 * 190);
}

TEST(ThreadPool, ACallInsideACallFinishes) {
  std::atomic<int> count = 0;
  parallel_for(4, {.count = 2}, [&](std::int64_t, std::int32_t) {
    parallel_for(5, {.count = 2}, [&](std::int64_t, std::int32_t) { ++count; });
  });
  EXPECT_EQ(count, 20);
}

TEST(ThreadPool, AnExceptionEndsTheCallAndThePoolGoesOn) {
  for (const std::int64_t failing : {0, 700}) {
    EXPECT_THROW(parallel_for(1000, {.count = 4},
                              [&](std::int64_t item, std::int32_t) {
                                if (item == failing) {
                                  throw std::bad_alloc();
                                }
                              }),
                 std::bad_alloc);
    std::atomic<int> count = 0;
    parallel_for(10, {.count = 4}, [&](std::int64_t, std::int32_t) { ++count; });
    EXPECT_EQ(count, 10);
  }
}

// A host's threads.
class LentThreads final : public Executor {
 public:
  void run(std::int32_t workers, const std::function<void(std::int32_t)>& body) override {
    ++calls;
    std::vector<std::thread> threads;
    for (std::int32_t worker = 1; worker < workers; ++worker) {
      threads.emplace_back(body, worker);
    }
    body(0);
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
  int calls = 0;
};

TEST(ThreadPool, LentThreadsDoTheWork) {
  LentThreads lent;
  std::vector<std::atomic<int>> runs(100);
  parallel_for(100, {.count = 3, .executor = &lent},
               [&](std::int64_t item, std::int32_t) { ++runs[static_cast<std::size_t>(item)]; });
  EXPECT_EQ(lent.calls, 1);
  for (const std::atomic<int>& count : runs) {
    ASSERT_EQ(count, 1);
  }
  EXPECT_THROW(parallel_for(100, {.count = 3, .executor = &lent},
                            [](std::int64_t item, std::int32_t) {
                              if (item == 50) {
                                throw std::bad_alloc();
                              }
                            }),
               std::bad_alloc);
  parallel_for(1, {.count = 3, .executor = &lent}, [](std::int64_t, std::int32_t) {});
  EXPECT_EQ(lent.calls, 2) << "one item needs no other thread";
}

TEST(ThreadPool, AForkedChildHasAPoolOfItsOwn) {
  parallel_for(8, {.count = 4}, [](std::int64_t, std::int32_t) {});
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(20);
    std::atomic<int> count = 0;
    parallel_for(100, {.count = 4}, [&](std::int64_t, std::int32_t) { ++count; });
    _exit(count == 100 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace twill::kernels
