// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#include <unistd.h>
#endif

namespace twill::kernels {
namespace {

using Body = std::function<void(std::int64_t, std::int32_t)>;

// The items of one call, taken by whoever is free.
class Items {
 public:
  Items(std::int64_t count, const Body& body) : count_(count), body_(body) {}

  void take(std::int32_t worker) {
    for (;;) {
      const std::int64_t item = next_.fetch_add(1, std::memory_order_relaxed);
      if (item >= count_) {
        return;
      }
      try {
        body_(item, worker);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex_);
        error_ = error_ ? error_ : std::current_exception();
        next_.store(count_, std::memory_order_relaxed);
      }
    }
  }
  // When all workers are back.
  void rethrow() {
    if (error_) {
      std::rethrow_exception(error_);
    }
  }

 private:
  std::int64_t count_;
  const Body& body_;
  std::atomic<std::int64_t> next_ = 0;
  std::mutex mutex_;
  std::exception_ptr error_;  // the first
};

class ThreadPool {
 public:
  // False when another call has the workers.
  bool run(std::int32_t threads, Items& items) {
    const std::unique_lock<std::mutex> turn(turn_, std::try_to_lock);
    if (!turn.owns_lock()) {
      return false;
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      start_workers(static_cast<std::size_t>(threads - 1));
      items_ = &items;
      helpers_ = static_cast<std::int32_t>(
          std::min(workers_.size(), static_cast<std::size_t>(threads - 1)));
      running_ = helpers_;
      ++generation_;
    }
    wake_.notify_all();
    items.take(0);
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return running_ == 0; });
    return true;
  }

 private:
  // A system that gives no more threads gets by with those that there are.
  void start_workers(std::size_t count) {
    try {
      while (workers_.size() < count) {
        const auto worker = static_cast<std::int32_t>(workers_.size()) + 1;
        workers_.emplace_back([this, worker, seen = generation_] { serve(worker, seen); });
      }
    } catch (const std::system_error&) {
    }
  }

  void serve(std::int32_t worker, std::uint64_t seen) {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return generation_ != seen; });
      seen = generation_;
      if (worker > helpers_) {
        continue;
      }
      lock.unlock();
      items_->take(worker);
      lock.lock();
      if (--running_ == 0) {
        done_.notify_one();
      }
    }
  }

  std::mutex turn_;  // held by the call that has the workers
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::vector<std::thread> workers_;
  Items* items_ = nullptr;
  std::int32_t helpers_ = 0;
  std::int32_t running_ = 0;
  std::uint64_t generation_ = 0;
};

// Never destroyed: its threads may outlive static objects. A forked child has no threads and gets a
// pool of its own.
ThreadPool& pool() {
#if defined(__linux__)
  static std::mutex mutex;
  static ThreadPool* made = nullptr;
  static pid_t owner = 0;
  const std::lock_guard<std::mutex> lock(mutex);
  if (made == nullptr || owner != getpid()) {
    made = new ThreadPool;
    owner = getpid();
  }
#else
  static ThreadPool* made = new ThreadPool;
#endif
  return *made;
}

}  // namespace

std::int32_t available_threads() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    return std::max(1, CPU_COUNT(&set));
  }
#endif
  return std::max(1, static_cast<std::int32_t>(std::thread::hardware_concurrency()));
}

std::int32_t threads_for(const Threads& threads) {
  return threads.count > 0 ? threads.count : available_threads();
}

void parallel_for(std::int64_t items, const Threads& threads, const Body& body) {
  const auto count = static_cast<std::int32_t>(std::min<std::int64_t>(items, threads_for(threads)));
  Items left(items, body);
  if (count > 1 && threads.executor != nullptr) {
    threads.executor->run(count, [&](std::int32_t worker) { left.take(worker); });
  } else if (count <= 1 || !pool().run(count, left)) {
    left.take(0);
  }
  left.rethrow();
}

}  // namespace twill::kernels
