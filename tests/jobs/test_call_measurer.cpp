// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a profiler is shown of a call, by measurers that are no device's.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "call_measurer.h"
#include "cuda_measures.h"
#include "profiling_attention.h"
#include "twill/kernels/cuda_attention.h"
#include "twill/plan/error.h"
#include "twill/search/candidates.h"

namespace twill::jobs {
namespace {

constexpr TokenLayout kLayout{.frames = 3, .rows = 8, .cols = 8};
constexpr std::int64_t kHeads = 2;

search::Profiler profiler_of_one_layer(std::int32_t map_size) {
  return search::Profiler({.model = {.family = "made",
                                     .stacks = {{"blocks", 1, static_cast<std::int32_t>(kHeads)}},
                                     .head_dim = 64},
                           .layout = kLayout,
                           .candidates = search::candidate_patterns(kLayout, {}),
                           .t = {0.5},
                           .prompts = {"made"},
                           .seeds = {0},
                           .map_size = map_size});
}

struct Call {
  at::Tensor q, k, v;
};
Call some_call() {
  at::manual_seed(3);
  const auto random = [] { return at::randn({1, kHeads, kLayout.tokens(), 64}); };
  return {2.0 * random(), random(), random()};
}

// Measures of a device that there is none of: of every head and candidate the same.
class Fake final : public CallMeasurer {
 public:
  Fake(const MeasuringTask& task, std::function<void()> before)
      : task_(task), before_(std::move(before)) {}

  ShownCall show(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const std::vector<std::int32_t>& rows) override {
    before_();
    EXPECT_TRUE(q.sizes() == k.sizes() && q.sizes() == v.sizes());
    EXPECT_FALSE(rows.empty());
    const auto cells = static_cast<std::size_t>(task_.map_size * task_.map_size);
    return HeadMeasures{.error = std::vector<double>(kHeads * task_.candidates.size(), 0.25),
                        .norm = std::vector<double>(kHeads, 2.0),
                        .map = std::vector<float>(kHeads * cells, 0.5f)};
  }

 private:
  MeasuringTask task_;
  std::function<void()> before_;
};

class Returns final : public engine::SelfAttention {
 public:
  at::Tensor run(const at::Tensor&, const at::Tensor&, const at::Tensor& v,
                 const engine::AttentionSite&) override {
    return v;
  }
};

// A profile of one call, as `measurer` shows it.
Profile profile_by(CallMeasurer& measurer, search::Profiler& profiler,
                   std::set<std::string>* measured_on = nullptr) {
  Returns inner;
  ProfilingAttention attention(profiler, measurer, inner);
  const Call call = some_call();
  const at::Tensor weight = at::randn({128, kHeads * 64});
  const at::Tensor gate = at::ones({1, 128});
  const at::Tensor residual = at::randn({1, kLayout.tokens(), 128});
  attention.watch(0, 0);
  const at::Tensor out = attention.run(
      call.q, call.k, call.v,
      {.t = 0.5, .output_weight = [&] { return weight; }, .gate = &gate, .residual = &residual});
  EXPECT_TRUE(out.is_same(call.v));
  attention.finish();
  profiler.finish_unit(0, 0);
  if (measured_on != nullptr) {
    *measured_on = attention.measured_on();
  }
  return profiler.finish();
}

Profile profile_by_cpu() {
  search::Profiler profiler = profiler_of_one_layer(4);
  CpuMeasurer measurer;
  return profile_by(measurer, profiler);
}

TEST(CallMeasurer, measures_of_a_device_become_the_profile) {
  search::Profiler profiler = profiler_of_one_layer(4);
  std::vector<std::string> notes;
  const auto measurer =
      or_on_cpu(std::make_unique<Fake>(measuring_task(profiler, kLayout.tokens()), [] {}),
                [&](const std::string& text) { notes.push_back(text); });
  const Profile profile = profile_by(*measurer, profiler);
  for (const float error : profile.head_error) {
    EXPECT_EQ(error, 0.125f);
  }
  EXPECT_EQ(profile.maps, std::vector<std::uint8_t>(profile.maps.size(), 255));
  EXPECT_TRUE(notes.empty());
}

struct Refusal {
  const char* why;
  std::function<void()> thrown;
  const char* reason;
};
void PrintTo(const Refusal& refusal, std::ostream* stream) { *stream << refusal.why; }

class RefusedCall : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusedCall, goes_to_the_cpu_from_then_on_which_is_said_once) {
  search::Profiler profiler = profiler_of_one_layer(4);
  std::vector<std::string> notes;
  int tries = 0;
  const auto measurer = or_on_cpu(std::make_unique<Fake>(measuring_task(profiler, kLayout.tokens()),
                                                         [&] {
                                                           ++tries;
                                                           GetParam().thrown();
                                                         }),
                                  [&](const std::string& text) { notes.push_back(text); });
  std::set<std::string> measured_on;
  const Profile profile = profile_by(*measurer, profiler, &measured_on);
  const Profile by_cpu = profile_by_cpu();
  EXPECT_EQ(profile.head_error, by_cpu.head_error);
  EXPECT_EQ(profile.maps, by_cpu.maps);
  EXPECT_EQ(measured_on, std::set<std::string>{"cpu"});

  const Call call = some_call();
  EXPECT_TRUE(std::holds_alternative<CpuCall>(measurer->show(call.q, call.k, call.v, {0})));
  EXPECT_EQ(tries, 1);
  EXPECT_EQ(
      notes,
      (std::vector<std::string>{std::string("heads are measured on the CPU and not on cpu: ") +
                                GetParam().reason}));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, RefusedCall,
    ::testing::Values(Refusal{"no_kernel",
                              [] { throw Error(ErrorCode::kUnsupported, "no kernel for it"); },
                              "no kernel for it"},
                      Refusal{"no_memory", [] { TORCH_CHECK(false, "out of memory\nand where"); },
                              "out of memory"}),
    [](const auto& test) { return test.param.why; });

TEST(CallMeasurer, what_is_no_refusal_ends_the_job) {
  search::Profiler profiler = profiler_of_one_layer(0);
  const auto measurer =
      or_on_cpu(std::make_unique<Fake>(measuring_task(profiler, kLayout.tokens()),
                                       [] { throw Error(ErrorCode::kModel, "not finite"); }),
                {});
  EXPECT_THROW(profile_by(*measurer, profiler), Error);
}

TEST(CallMeasurer, tensors_of_the_cpu_are_the_profilers) {
  search::Profiler profiler = profiler_of_one_layer(0);
  const MeasuringTask task = measuring_task(profiler, kLayout.tokens());
  const Call call = some_call();
  const auto measurer = measurer_on(c10::kCPU, task, {});
  EXPECT_TRUE(std::holds_alternative<CpuCall>(measurer->show(call.q, call.k, call.v, {0})));
  CudaMeasures cuda(task);
  try {
    cuda.show(call.q, call.k, call.v, {0});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_STREQ(error.what(), "the tensors stand on cpu");
  }
}

TEST(CallMeasurer, a_dtype_without_kernels_is_refused_in_words) {
  const Call call = some_call();
  CpuMeasurer measurer;
  try {
    measurer.show(call.q.to(at::kDouble), call.k, call.v, {0});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_STREQ(error.what(), "no kernel for dtype Double");
  }
}

}  // namespace
}  // namespace twill::jobs
