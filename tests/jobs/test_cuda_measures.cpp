// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Heads measured by the CUDA kernels against the CPU's measures of the same values in fp32; skipped
// where there is no kernel for the device.
#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "call_measurer.h"
#include "cuda_measures.h"
#include "jobs/scratch_folder.h"
#include "jobs/tiny_model.h"
#include "profiling_attention.h"
#include "session.h"
#include "twill/engine/attention.h"
#include "twill/engine/device.h"
#include "twill/jobs/generate.h"
#include "twill/jobs/search.h"
#include "twill/kernels/cuda_attention.h"
#include "twill/kernels/profiling.h"
#include "twill/plan/plan_io.h"
#include "twill/search/candidates.h"

namespace twill::jobs {
namespace {

std::string why_no_kernel() {
  if (engine::choose_device().is_cpu()) {
    return "no CUDA device, or a LibTorch without CUDA";
  }
  return kernels::why_no_cuda_kernel({.head_dim = 64, .scale = 0.125f}).reason;
}

class OnDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why_not = why_no_kernel(); !why_not.empty()) {
      GTEST_SKIP() << why_not;
    }
  }
};

// Of a value near 1. On the device weights are carried in two parts of 16 bits, 2^-17 together; on
// the CPU in fp32. q has the standard deviation `spread`, and scores are rounded with their size.
double rounding(double spread) { return (0x1p-14 + 200 * 0x1p-24) * (1.0 + spread); }

struct CallShape {
  const char* why;
  at::ScalarType dtype = at::kBFloat16;
  std::int64_t batch = 1, heads = 3, head_dim = 64;
  TokenLayout layout{.prefix = 5, .frames = 6, .rows = 9, .cols = 17, .suffix = 30};
  std::int32_t rows = 64;
  double spread = 1.0;
  std::int64_t skipped = 0;  // elements between rows: rows that do not begin at 16 bytes
};
void PrintTo(const CallShape& shape, std::ostream* stream) { *stream << shape.why; }

search::Profiler profiler_of(const CallShape& shape, std::int32_t map_size, bool int8 = false) {
  return search::Profiler(
      {.model = {.family = "made",
                 .stacks = {{"blocks", 1, static_cast<std::int32_t>(shape.heads)}},
                 .head_dim = static_cast<std::int32_t>(shape.head_dim)},
       .layout = shape.layout,
       .candidates = search::candidate_patterns(shape.layout, {}),
       .t = {0.5},
       .prompts = {"made"},
       .seeds = {0},
       .rows = shape.rows,
       .map_size = map_size,
       .int8 = int8});
}

// Heads beside each other in a row, as the network hands them over.
at::Tensor random_on_device(const CallShape& shape, double factor, std::uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const at::Tensor all =
      at::randn({shape.batch, shape.layout.tokens(), shape.heads, shape.head_dim + shape.skipped},
                generator, at::kFloat);
  return (factor * all)
      .to(engine::choose_device(), shape.dtype)
      .narrow(3, shape.skipped, shape.head_dim)
      .transpose(1, 2);
}

// The same as CudaMeasures, by the CPU's kernels.
HeadMeasures by_cpu(const search::AttentionCall& call, const MeasuringTask& task,
                    const std::vector<std::int32_t>& rows) {
  const auto batch = static_cast<std::size_t>(call.batch);
  const std::size_t heads = static_cast<std::size_t>(call.heads);
  const std::size_t cells = static_cast<std::size_t>(task.map_size) * task.map_size;
  std::vector<double> error(batch * heads * task.candidates.size()), norm(batch * heads);
  std::vector<float> map(batch * heads * cells);
  const kernels::HeadErrorParams errors{.tensors = call,
                                        .rows = rows,
                                        .candidates = task.candidates,
                                        .lists = task.lists,
                                        .error = error.data(),
                                        .norm = norm.data()};
  EXPECT_TRUE(kernels::sampled_head_errors_cpu(errors).ok);
  const kernels::AttentionMapParams maps{
      .tensors = call, .size = task.map_size, .query_stride = task.query_stride, .map = map.data()};
  EXPECT_TRUE(kernels::attention_map_cpu(maps).ok);
  HeadMeasures sums{.error = std::vector<double>(error.size() / batch),
                    .norm = std::vector<double>(heads),
                    .map = std::vector<float>(heads * cells)};
  const auto add = [&](auto& to, const auto& from, auto factor) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      to[i % to.size()] += factor * from[i];
    }
  };
  add(sums.error, error, 1.0);
  add(sums.norm, norm, 1.0);
  add(sums.map, map, 1.0f / static_cast<float>(call.batch));
  return sums;
}

class CudaMeasuresOf : public OnDevice, public ::testing::WithParamInterface<CallShape> {};

TEST_P(CudaMeasuresOf, a_call_are_the_cpus) {
  const CallShape& shape = GetParam();
  const search::Profiler profiler = profiler_of(shape, 12);
  const MeasuringTask task = measuring_task(profiler, shape.layout.tokens());
  const std::vector<std::int32_t> rows = profiler.rows(0, 0);
  const at::Tensor q = random_on_device(shape, shape.spread, 1);
  const at::Tensor k = random_on_device(shape, 1.0, 2);
  const at::Tensor v = random_on_device(shape, 1.0, 3);
  CudaMeasures measurer(task);
  const HeadMeasures found = std::get<HeadMeasures>(measurer.show(q, k, v, rows));
  // On another stream than the default one.
  const c10::impl::VirtualGuardImpl streams(c10::kCUDA);
  const c10::Stream before = streams.exchangeStream(streams.getStreamFromGlobalPool(q.device()));
  EXPECT_NE(engine::current_stream(q.device()), nullptr);
  const HeadMeasures elsewhere = std::get<HeadMeasures>(measurer.show(q, k, v, rows));
  streams.exchangeStream(before);
  EXPECT_EQ(elsewhere.error, found.error);
  EXPECT_EQ(elsewhere.map, found.map);
  const CpuCall same = cpu_call(q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat));
  const HeadMeasures wanted = by_cpu(same.call, task, rows);

  ASSERT_EQ(found.error.size(), wanted.error.size());
  ASSERT_EQ(found.norm.size(), wanted.norm.size());
  ASSERT_EQ(found.map.size(), wanted.map.size());
  const double bound = rounding(shape.spread);
  for (std::size_t i = 0; i < found.error.size(); ++i) {
    const std::size_t head = i / task.candidates.size();
    ASSERT_NEAR(std::sqrt(found.error[i]), std::sqrt(wanted.error[i]),
                bound * std::sqrt(wanted.norm[head]))
        << "head " << head << ", candidate " << i % task.candidates.size();
  }
  for (std::size_t head = 0; head < found.norm.size(); ++head) {
    EXPECT_NEAR(found.norm[head], wanted.norm[head], 2 * bound * wanted.norm[head]);
  }
  for (std::size_t i = 0; i < found.map.size(); ++i) {
    ASSERT_NEAR(found.map[i], wanted.map[i], 2 * 200 * 0x1p-24 * (1.0 + shape.spread)) << i;
  }

  // With the tables that are there already, the same bits; with other rows, theirs.
  const HeadMeasures again = std::get<HeadMeasures>(measurer.show(q, k, v, rows));
  EXPECT_EQ(again.error, found.error);
  EXPECT_EQ(again.map, found.map);
  const std::vector<std::int32_t> others(rows.begin(), rows.begin() + 7);
  const HeadMeasures of_others = std::get<HeadMeasures>(measurer.show(q, k, v, others));
  const HeadMeasures wanted_of_others = by_cpu(same.call, task, others);
  for (std::size_t head = 0; head < found.norm.size(); ++head) {
    EXPECT_NEAR(of_others.norm[head], wanted_of_others.norm[head],
                2 * bound * wanted_of_others.norm[head]);
  }
}

// By the kernel and by its roundings one by one. Both outputs of the device are rounded to 16 bits,
// which is 2^-17 of the norm at most.
TEST_P(CudaMeasuresOf, a_call_say_what_int8_loses_as_the_cpu_does) {
  const CallShape& shape = GetParam();
  const std::string why_not =
      kernels::why_no_cuda_kernel({.head_dim = static_cast<std::int32_t>(shape.head_dim),
                                   .scale = 1.0f,
                                   .precision = kernels::Precision::kInt8})
          .reason;
  if (!why_not.empty()) {
    GTEST_SKIP() << why_not;
  }
  const search::Profiler profiler = profiler_of(shape, 0, true);
  const MeasuringTask task = measuring_task(profiler, shape.layout.tokens());
  const at::Tensor q = random_on_device(shape, shape.spread, 1);
  const at::Tensor k = random_on_device(shape, 1.0, 2);
  const at::Tensor v = random_on_device(shape, 1.0, 3);
  const CpuCall same = cpu_call(q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat));
  CudaMeasures measurer(task);
  std::vector<std::int32_t> rows = profiler.rows(0, 0);
  for (int pass = 0; pass < 2; ++pass) {  // with other rows, theirs
    const HeadMeasures found = std::get<HeadMeasures>(measurer.show(q, k, v, rows));
    std::vector<double> wanted(static_cast<std::size_t>(shape.batch * shape.heads));
    ASSERT_TRUE(
        kernels::int8_errors_cpu({.tensors = same.call, .rows = rows, .error = wanted.data()}).ok);
    ASSERT_EQ(found.int8_error.size(), static_cast<std::size_t>(shape.heads));
    for (std::size_t head = 0; head < found.int8_error.size(); ++head) {
      double sum = 0.0;
      for (std::size_t i = head; i < wanted.size(); i += found.int8_error.size()) {
        sum += wanted[i];
      }
      EXPECT_NEAR(found.int8_error[head], sum, 0.1 * sum + 0x1p-17 * found.norm[head])
          << "head " << head;
    }
    rows.resize(7);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, CudaMeasuresOf,
    ::testing::Values(
        CallShape{.why = "bf16"}, CallShape{.why = "f16", .dtype = at::kHalf},
        CallShape{.why = "two_rows_of_a_batch", .batch = 2},
        CallShape{.why = "f16_two_rows_of_a_batch", .dtype = at::kHalf, .batch = 2},
        CallShape{.why = "head_dim_128_and_a_sharp_softmax", .head_dim = 128, .spread = 8.0},
        CallShape{.why = "rows_of_no_whole_16_bytes", .skipped = 3},
        // 34 MB of the parts of a head: not all of them at once.
        CallShape{.why = "more_heads_than_a_launch_takes",
                  .heads = 9,
                  .head_dim = 128,
                  .layout = {.frames = 16, .rows = 64, .cols = 64}}),
    [](const auto& test) { return test.param.why; });

TEST_F(OnDevice, float32_is_refused_with_the_kernels_reason) {
  const CallShape shape{.why = "", .dtype = at::kFloat};
  const search::Profiler profiler = profiler_of(shape, 0);
  const at::Tensor x = random_on_device(shape, 1.0, 1);
  std::vector<std::string> notes;
  const auto measurer = measurer_on(x.device(), measuring_task(profiler, shape.layout.tokens()),
                                    [&](const std::string& text) { notes.push_back(text); });
  for (int call = 0; call < 2; ++call) {
    EXPECT_TRUE(std::holds_alternative<CpuCall>(measurer->show(x, x, x, profiler.rows(0, 0))));
  }
  EXPECT_EQ(notes, std::vector<std::string>{"heads are measured on the CPU and not on cuda:0: "
                                            "dtype float32: the CUDA kernels take bfloat16 and "
                                            "float16"});
}

// The tiny model's clips on the device.
class JobsOnDevice : public OnDevice {
 protected:
  void SetUp() override {
    OnDevice::SetUp();
    if (!IsSkipped()) {
      tests::write_tiny_model(folder_ / "model");
    }
  }
  report::ClipSettings clip() const { return {.model = folder_ / "model"}; }
  SearchOptions search_options() const {
    SearchOptions options{.clip = clip(),
                          .prompts = {"a red ball", "a blue ball rolls"},
                          .points = 3,
                          .map_size = 12};
    options.solve.budget = 0.6;
    options.out = folder_ / "plan.json";
    return options;
  }
  // Its sentences stand in notes_.
  JobControl control() {
    JobControl control;
    control.note = [this](const std::string& text) { notes_.push_back(text); };
    return control;
  }
  static std::string record_of(const std::filesystem::path& file) {
    std::ifstream stream(file);
    return nlohmann::json::parse(stream).at("measured_on").get<std::string>();
  }

  const tests::ScratchFolder folder_;
  std::vector<std::string> notes_;
};

// The same call in fp32, to the profiler.
class InFloat final : public CallMeasurer {
 public:
  ShownCall show(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const std::vector<std::int32_t>&) override {
    return cpu_call(q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat));
  }
};

TEST_F(JobsOnDevice, a_run_has_the_head_errors_that_the_cpu_finds_in_it) {
  const JobControl none;
  const Session session(clip(), none);
  const auto profiler = [&] {
    return search::Profiler({.model = session.model().shape(),
                             .layout = session.layout(),
                             .candidates = search::candidate_patterns(session.layout(), {}),
                             .t = session.step_t(),
                             .prompts = {"a red ball"},
                             .seeds = {1},
                             .map_size = 12});
  };
  search::Profiler there = profiler();
  search::Profiler here = profiler();
  const auto on_device = session.measurer(measuring_task(there, session.layout().tokens()));
  InFloat on_cpu;
  engine::DenseAttention dense;
  ProfilingAttention by_cpu(here, on_cpu, dense);
  ProfilingAttention by_device(there, *on_device, by_cpu);
  const auto begin = [&](std::int64_t step) {
    by_cpu.watch(static_cast<std::int32_t>(step), 0);
    by_device.watch(static_cast<std::int32_t>(step), 0);
  };
  const auto end = [&](std::int64_t step) {
    by_cpu.finish();
    by_device.finish();
    here.finish_unit(static_cast<std::int32_t>(step), 0);
    there.finish_unit(static_cast<std::int32_t>(step), 0);
  };
  session.denoise(session.encode("a red ball"), 1, by_device, "made",
                  {.before = begin, .after = end});
  EXPECT_EQ(by_device.measured_on(), std::set<std::string>{"cuda:0"});
  EXPECT_EQ(by_cpu.measured_on(), std::set<std::string>{"cpu"});
  const Profile found = there.finish();
  const Profile wanted = here.finish();
  ASSERT_EQ(found.head_error.size(), wanted.head_error.size());
  EXPECT_EQ(found.gain, wanted.gain);
  // Scores of the tiny model are those of values that its norms hold near 1.
  for (std::size_t i = 0; i < found.head_error.size(); ++i) {
    ASSERT_NEAR(std::sqrt(found.head_error[i]), std::sqrt(wanted.head_error[i]), 3 * rounding(1.0));
  }
}

TEST_F(JobsOnDevice, a_search_measures_there_and_says_so_in_its_record) {
  const report::SearchResult found = search(search_options(), control());
  EXPECT_EQ(found.measured_on, "cuda:0");
  EXPECT_EQ(record_of(folder_ / "plan.search.json"), "cuda:0");
  EXPECT_TRUE(notes_.empty());
  ASSERT_TRUE(found.profiling_share);

  GenerateOptions options{.clip = clip(), .prompts = {"a red ball"}, .adapt = true};
  options.clip.frames = 17;
  options.plan = folder_ / "plan.json";
  options.out = folder_ / "clip/";
  const report::GenerateResult adapted = generate(options, control());
  EXPECT_TRUE(notes_.empty()) << notes_.front();
  EXPECT_TRUE(adapted.clips.at(0).attention.fallbacks.empty());
  EXPECT_GT(adapted.clips[0].attention.sparse_calls, 0);
  EXPECT_GT(adapted.clips[0].times.attention, 0.0);
  EXPECT_LT(adapted.clips[0].times.attention, adapted.clips[0].times.denoise);
}

TEST_F(JobsOnDevice, a_search_in_float32_is_measured_on_the_cpu_and_says_so_once) {
  SearchOptions options = search_options();
  options.clip.dtype = "float32";
  const report::SearchResult found = search(options, control());
  EXPECT_EQ(found.measured_on, "cpu");
  EXPECT_EQ(notes_, std::vector<std::string>{"heads are measured on the CPU and not on cuda:0: "
                                             "dtype float32: the CUDA kernels take bfloat16 and "
                                             "float16"});
}

}  // namespace
}  // namespace twill::jobs
