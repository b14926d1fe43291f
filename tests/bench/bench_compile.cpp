// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// bench_compile [--threads N] [--repeats N]: compiles a made-up plan of HunyuanVideo at 720p (60 x
// 24 heads, 118,800 tokens + 256 of text, six segments of 64 patterns each that share none) and
// prints JSON. Exit code 1 when the tables take more than 64 MB, the design's bound; the time is
// reported.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "twill/plan/compile.h"

namespace {

using namespace twill;

constexpr std::size_t kMostBytes = 64'000'000;
constexpr TokenLayout kLayout{.prefix = 0, .frames = 33, .rows = 45, .cols = 80, .suffix = 256};

// Of every family from narrow to wide, orders left open; `shift` makes segments differ.
std::vector<Pattern> patterns_of_segment(double shift) {
  std::vector<Pattern> patterns{dense(), skip(), mean()};
  for (int i = 0; i < 14; ++i) {
    const double x = (i + shift) / 14;
    patterns.push_back(make_pattern(Diagonal{0.05 + 4 * x * x}));
    patterns.push_back(make_pattern(MultiDiagonal{i < 7 ? i + 1 : 33, 0.06 * x, 0.02 + 0.2 * x}));
    patterns.push_back(make_pattern(Window{i % 5, 0.05 + 0.3 * x, 0.05 + 0.4 * x}));
    patterns.push_back(make_union({Diagonal{0.05 + x}, VerticalStripe{{{0, 1 + i % 3}}}}));
  }
  for (int i = 0; i < 5; ++i) {
    const double x = (i + shift) / 5;
    patterns.push_back(
        make_pattern(VerticalStripe{{{0, 33, x * 0.5, 0.1 + x * 0.5, 0.0, 0.5 + x * 0.5}}}));
  }
  return patterns;
}

Plan made_up_plan(int segments) {
  Plan plan{.name = "bench"};
  plan.model = {.family = "hunyuanvideo",
                .experts = {"default"},
                .stacks = {{"double_blocks", 20, 24}, {"single_blocks", 40, 24}},
                .head_dim = 128};
  for (int s = 0; s < segments; ++s) {
    const std::vector<Pattern> patterns = patterns_of_segment(s / 6.0);
    const auto first = static_cast<std::int32_t>(plan.patterns.size());
    plan.patterns.insert(plan.patterns.end(), patterns.begin(), patterns.end());
    Segment segment{.t_begin = s / static_cast<double>(segments),
                    .t_end = (s + 1) / static_cast<double>(segments)};
    std::vector<HeadPlan>& heads = segment.heads.emplace_back(plan.model.heads_total());
    for (std::size_t head = 0; head < heads.size(); ++head) {
      heads[head].pattern = first + static_cast<std::int32_t>(head * 7 % patterns.size());
    }
    plan.segments.push_back(std::move(segment));
  }
  return plan;
}

int argument(int count, char** values, const char* name, int otherwise) {
  for (int i = 1; i + 1 < count; ++i) {
    if (std::strcmp(values[i], name) == 0) {
      return std::stoi(values[i + 1]);
    }
  }
  return otherwise;
}

}  // namespace

int main(int count, char** values) {
  const int threads = argument(count, values, "--threads", 2);
  const int repeats = std::max(1, argument(count, values, "--repeats", 5));
  constexpr int kSegments = 6;
  const Plan plan = made_up_plan(kSegments);
  std::vector<double> milliseconds;
  std::size_t bytes = 0, lists = 0;
  double density = 0.0;
  for (int i = 0; i < repeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const CompiledPlan compiled(plan, kLayout, threads);
    const std::chrono::duration<double, std::milli> taken =
        std::chrono::steady_clock::now() - begin;
    milliseconds.push_back(taken.count());
    bytes = compiled.bytes();
    lists = compiled.lists().size();
    density = 0.0;
    for (std::int32_t segment = 0; segment < kSegments; ++segment) {
      density += compiled.density(segment, 0) / kSegments;
    }
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  const double median = milliseconds[milliseconds.size() / 2];
  std::printf(
      "{\"segments\": %d, \"lists\": %zu, \"bytes\": %zu, \"most_bytes\": %zu, \"density\": %.3f, "
      "\"threads\": %d, \"hardware_threads\": %u, \"repeats\": %d, \"ms_median\": %.1f, "
      "\"ms_least\": %.1f, \"ms_most\": %.1f, \"ms_per_segment\": %.1f}\n",
      kSegments, lists, bytes, kMostBytes, density, threads, std::thread::hardware_concurrency(),
      repeats, median, milliseconds.front(), milliseconds.back(), median / kSegments);
  return bytes <= kMostBytes ? 0 : 1;
}
