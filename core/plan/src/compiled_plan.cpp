// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <atomic>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "checks.h"
#include "compile_pattern.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/plan/experts.h"

namespace twill {
namespace {

// Calls work(0) ... work(count - 1), each once, on up to `threads` threads; rethrows the first
// exception.
template <typename Work>
void parallel_for(std::size_t count, int threads, const Work& work) {
  std::atomic<std::size_t> next = 0;
  std::exception_ptr trouble;
  std::mutex trouble_mutex;
  const auto run = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        work(i);
      } catch (...) {
        const std::scoped_lock lock(trouble_mutex);
        trouble = trouble ? trouble : std::current_exception();
        next = count;
      }
    }
  };
  const std::size_t wanted =
      threads > 0 ? threads : std::max(1U, std::thread::hardware_concurrency());
  {
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < std::min(wanted, count); ++i) {
      helpers.emplace_back(run);
    }
    run();
  }
  if (trouble) {
    std::rethrow_exception(trouble);
  }
}

// The list of each of a plan's patterns, -1 where none is needed; lists of patterns that are the
// same parts in the same order are shared.
struct CompiledPatterns {
  std::vector<std::int32_t> list_of;
  std::vector<TileList> lists;
};

std::vector<bool> used_patterns(const Plan& plan) {
  std::vector<bool> used(plan.patterns.size());
  for (const Segment& segment : plan.segments) {
    for (const auto& heads : segment.heads) {
      for (const HeadPlan& head : heads) {
        used[head.pattern] = true;
      }
    }
  }
  return used;
}

CompiledPatterns compile_patterns(const Plan& plan, const TokenLayout& layout, int threads) {
  const std::vector<bool> used = used_patterns(plan);
  std::map<TokenOrder, std::unique_ptr<OrderGeometry>> geometries;
  std::vector<std::size_t> wanted;  // one pattern of each set of equal ones
  std::map<Pattern, std::size_t> wanted_index;
  for (std::size_t i = 0; i < plan.patterns.size(); ++i) {
    const Pattern& pattern = plan.patterns[i];
    if (used[i] && needs_list(pattern) && wanted_index.emplace(pattern, wanted.size()).second) {
      wanted.push_back(i);
      for (const TokenOrder& order : orders_of(pattern)) {
        geometries.try_emplace(order);
      }
    }
  }
  for (auto& [order, geometry] : geometries) {
    geometry = std::make_unique<OrderGeometry>(order, layout);
  }

  std::vector<TileList> compiled(wanted.size());
  parallel_for(wanted.size(), threads, [&](std::size_t i) {
    const Pattern& pattern = plan.patterns[wanted[i]];
    std::vector<const OrderGeometry*> choices;
    for (const TokenOrder& order : orders_of(pattern)) {
      choices.push_back(geometries.at(order).get());
    }
    compiled[i] = compile_best(pattern, layout, choices);
  });

  // A pattern that left the order open and one that named the order found share a list.
  CompiledPatterns result{.list_of = std::vector<std::int32_t>(plan.patterns.size(), -1)};
  std::map<Pattern, std::int32_t> list_index;
  std::vector<std::int32_t> list_of_wanted(wanted.size());
  std::map<TokenOrder, std::shared_ptr<const std::vector<std::int32_t>>> permutations;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    Pattern resolved = plan.patterns[wanted[i]];
    resolved.order = compiled[i].order;
    const auto [entry, is_new] =
        list_index.emplace(resolved, static_cast<std::int32_t>(result.lists.size()));
    list_of_wanted[i] = entry->second;
    if (!is_new) {
      continue;
    }
    if (compiled[i].order.kind != OrderKind::kRaster) {
      auto& permutation = permutations[compiled[i].order];
      if (!permutation) {
        permutation = std::make_shared<const std::vector<std::int32_t>>(
            geometries.at(compiled[i].order)->position_to_token());
      }
      compiled[i].position_to_token = permutation;
    }
    result.lists.push_back(std::move(compiled[i]));
  }
  for (std::size_t i = 0; i < plan.patterns.size(); ++i) {
    const auto found = wanted_index.find(plan.patterns[i]);
    if (found != wanted_index.end()) {
      result.list_of[i] = list_of_wanted[found->second];
    }
  }
  return result;
}

template <typename T>
std::size_t bytes_of(const std::vector<T>& values) {
  return values.size() * sizeof(T);
}

}  // namespace

kernels::HeadTask task_of(const Pattern& pattern, std::int32_t list, Precision precision) {
  switch (pattern.kind) {
    case PatternKind::kDense:
      return {.mode = kernels::HeadMode::kDense, .precision = precision};
    case PatternKind::kSkip:
      return {.mode = kernels::HeadMode::kSkip};
    case PatternKind::kMean:
      return {.mode = kernels::HeadMode::kMean};
    default:
      return {.mode = kernels::HeadMode::kSparse, .list = list, .precision = precision};
  }
}

std::int64_t int8_heads(std::span<const kernels::HeadTask> tasks) {
  return std::ranges::count(tasks, Precision::kInt8, &kernels::HeadTask::precision);
}

std::int64_t heads_with_keys(std::span<const kernels::HeadTask> tasks) {
  return std::ranges::count_if(tasks, [](const kernels::HeadTask& task) {
    return task.mode == kernels::HeadMode::kDense || task.mode == kernels::HeadMode::kSparse;
  });
}

CompiledPlan::CompiledPlan(const Plan& plan, const TokenLayout& layout, int threads)
    : layout_(layout), model_(plan.model) {
  check_layout(layout);
  check_plan_tables(plan, "");
  require(threads >= 0, ErrorCode::kUsage, "threads ", threads, " is negative");
  CompiledPatterns patterns = compile_patterns(plan, layout, threads);
  storage_ = std::make_shared<const std::vector<TileList>>(std::move(patterns.lists));
  for (const TileList& list : *storage_) {
    views_.push_back(list.view());
  }
  for (const Segment& segment : plan.segments) {
    auto& experts = tasks_.emplace_back(plan.model.experts.size(),
                                        std::vector<kernels::HeadTask>(plan.model.heads_total()));
    for (std::size_t expert = 0; expert < segment.heads.size(); ++expert) {
      std::transform(segment.heads[expert].begin(), segment.heads[expert].end(),
                     experts[expert].begin(), [&](const HeadPlan& head) {
                       return task_of(plan.patterns[head.pattern], patterns.list_of[head.pattern],
                                      head.precision);
                     });
    }
  }
}

std::span<const kernels::HeadTask> CompiledPlan::tasks(std::int32_t segment, std::int32_t expert,
                                                       std::int32_t stack,
                                                       std::int32_t layer) const {
  const std::int32_t first = head_index(model_, stack, layer, 0);
  return std::span(heads_at(segment, expert)).subspan(first, model_.stacks[stack].heads);
}

bool CompiledPlan::segment_is_dense(std::int32_t segment) const {
  heads_at(segment, 0);
  return std::all_of(tasks_[segment].begin(), tasks_[segment].end(), [](const auto& heads) {
    return std::all_of(heads.begin(), heads.end(), [](const kernels::HeadTask& task) {
      return task.mode == kernels::HeadMode::kDense;
    });
  });
}

std::size_t CompiledPlan::bytes() const {
  std::size_t total = views_.size() * sizeof(kernels::TileListView);
  std::vector<const void*> counted;  // permutations, which lists share
  for (const TileList& list : *storage_) {
    total += bytes_of(list.runs) + bytes_of(list.run_begin);
    const void* permutation = list.position_to_token.get();
    if (permutation != nullptr &&
        std::find(counted.begin(), counted.end(), permutation) == counted.end()) {
      counted.push_back(permutation);
      total += bytes_of(*list.position_to_token);
    }
  }
  for (const auto& experts : tasks_) {
    for (const auto& heads : experts) {
      total += bytes_of(heads);
    }
  }
  return total;
}

double CompiledPlan::density(std::int32_t segment, std::int32_t expert) const {
  const std::vector<kernels::HeadTask>& heads = heads_at(segment, expert);
  const std::int64_t dense = dense_tiles(layout_);
  std::int64_t tiles = 0;
  for (const kernels::HeadTask& task : heads) {
    if (task.mode == kernels::HeadMode::kDense) {
      tiles += dense;
    } else if (task.mode == kernels::HeadMode::kSparse) {
      tiles += (*storage_)[task.list].tiles;
    }
  }
  return static_cast<double>(tiles) /
         (static_cast<double>(dense) * static_cast<double>(heads.size()));
}

const std::vector<kernels::HeadTask>& CompiledPlan::heads_at(std::int32_t segment,
                                                             std::int32_t expert) const {
  require(segment >= 0 && segment < segment_count(), ErrorCode::kUsage, "segment ", segment,
          " is not one of 0..", segment_count() - 1);
  const auto experts = static_cast<std::int32_t>(model_.experts.size());
  require(expert >= 0 && expert < experts, ErrorCode::kModel, "expert ", expert,
          " is not one of 0..", experts - 1);
  return tasks_[segment][expert];
}

double run_density(const CompiledPlan& compiled, const Plan& plan, const std::vector<double>& t,
                   const std::vector<std::int32_t>& expert_at) {
  require(!t.empty(), ErrorCode::kUsage, "run_density: no forwards");
  require(expert_at.empty() || expert_at.size() == t.size(), ErrorCode::kUsage,
          "run_density: ", t.size(), " forwards and ", expert_at.size(), " experts");
  const std::vector<std::int32_t> experts = expert_at.empty() ? experts_at(plan, t) : expert_at;
  double sum = 0.0;
  for (std::size_t i = 0; i < t.size(); ++i) {
    sum += compiled.density(segment_at(plan, t[i]), experts[i]);
  }
  return sum / static_cast<double>(t.size());
}

}  // namespace twill
