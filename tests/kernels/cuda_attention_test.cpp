// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/kernels/cuda_attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <random>

#include "attention_inputs.h"
#include "device_memory.h"
#include "elements.h"
#include "int8_bounds.h"
#include "twill/kernels/machine.h"

namespace twill::kernels {
namespace {

using testing::Case;
using testing::DeviceMemory;
using testing::Inputs;

bool has_device() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}
#define SKIP_WITHOUT_DEVICE() \
  if (!has_device()) GTEST_SKIP() << "no CUDA device"

// Which kernel the calls of a test name; empty: the best.
std::string kernel_in_test;
class OfKernel {
 public:
  explicit OfKernel(std::string name) { kernel_in_test = std::move(name); }
  OfKernel(const OfKernel&) = delete;
  ~OfKernel() { kernel_in_test.clear(); }
};

constexpr std::array<const char*, 5> kKernels{"hopper", "portable", "compact", "int8",
                                              "int8_compact"};
Precision precision_of(const std::string& kernel) {
  return kernel.starts_with("int8") ? Precision::kInt8 : Precision::kBf16;
}

// Why a kernel of the table does not take such calls on this device.
std::string why_not_here(const std::string& kernel, std::int32_t head_dim) {
  const CudaMachine machine = cuda_machine();
  if (machine.devices.empty()) {
    return machine.why_not;
  }
  for (const CudaKernelFact& fact :
       cuda_kernels(machine.devices.front().capability,
                    {.head_dim = head_dim, .precision = precision_of(kernel)})) {
    if (fact.name == kernel) {
      return fact.why_not;
    }
  }
  return "there is no kernel " + kernel;
}

// A call on the host, moved to the device: its tensors, its tables as a plan of one layer (or of
// several variants of it), its workspace.
class DeviceCall {
 public:
  explicit DeviceCall(const AttentionParams& host,
                      std::vector<std::span<const HeadTask>> variants = {})
      : host_(host), call_{.tensors = host.tensors, .out_strides = host.out_strides} {
    if (variants.empty()) {
      variants.push_back(host.tasks);
    }
    const Status made = make_cuda_plan({.tokens = host.tensors.tokens,
                                        .lists = host.lists,
                                        .variants = static_cast<std::int32_t>(variants.size()),
                                        .layers = 1,
                                        .tasks = variants},
                                       &plan_);
    EXPECT_TRUE(made.ok) << made.reason;
    q_ = tensor(host.tensors.q, host.tensors.q_strides);
    k_ = tensor(host.tensors.k, host.tensors.k_strides);
    v_ = tensor(host.tensors.v, host.tensors.v_strides);
    out_ = tensor(host.out, host.out_strides);
    image_ = std::make_unique<DeviceMemory>(plan_.image.data(), plan_.bytes());
    lse_ = std::make_unique<DeviceMemory>(sizeof(float) * host.tensors.batch * host.tensors.heads *
                                          host.tensors.tokens);
    call_.tensors.q = q_->as<void>();
    call_.tensors.k = k_->as<void>();
    call_.tensors.v = v_->as<void>();
    call_.out = out_->as<void>();
    call_.kernel = kernel_in_test;
    call_.plan = &plan_;
    call_.device_image = image_->as<std::int32_t>();
    call_.lse = lse_->as<float>();
    call_.workspace_bytes = cuda_workspace_bytes(call_);
    workspace_ = std::make_unique<DeviceMemory>(call_.workspace_bytes);
    call_.workspace = workspace_->as<void>();
  }

  CudaAttentionParams& call() { return call_; }
  Status run() {
    const Status status = run_attention_cuda(call_);
    testing::require_cuda(cudaDeviceSynchronize());
    return status;
  }
  void copy_out() { out_->copy_to(host_.out); }
  std::vector<float> lse() const { return lse_->read<float>(); }

 private:
  std::unique_ptr<DeviceMemory> tensor(const void* base, const Strides& s) const {
    const std::int64_t elements = (host_.tensors.batch - 1) * s.batch +
                                  (host_.tensors.heads - 1) * s.head +
                                  (host_.tensors.tokens - 1) * s.token + host_.tensors.head_dim;
    return std::make_unique<DeviceMemory>(base, elements * element_bytes(host_.tensors.dtype));
  }

  AttentionParams host_;
  CudaAttentionParams call_;
  CudaPlan plan_;
  std::unique_ptr<DeviceMemory> q_, k_, v_, out_, image_, lse_, workspace_;
};

Status run_on_device(const AttentionParams& params) {
  DeviceCall call(params);
  const Status status = call.run();
  call.copy_out();
  return status;
}

struct KernelCase {
  std::string kernel;
  Case of;
};
void PrintTo(const KernelCase& c, std::ostream* out) { *out << c.kernel << ", " << c.of.why; }

// The CPU kernel's cases in the dtypes and head_dims of every kernel of the table, and some of its
// own.
std::vector<KernelCase> cuda_cases() {
  std::vector<KernelCase> cases;
  const auto add = [&](Case c, const std::string& why) {
    for (const auto& [dtype, name] : {std::pair{Dtype::kBf16, "bf16"}, {Dtype::kF16, "f16"}}) {
      for (const std::int32_t head_dim : {64, 96, 128, 256}) {
        c.dtype = dtype;
        c.head_dim = head_dim;
        c.why = why + "_" + name + "_" + std::to_string(head_dim);
        for (const std::string kernel : kKernels) {
          const bool hopper = kernel == "hopper";
          const bool int8 = precision_of(kernel) == Precision::kInt8;
          if ((!hopper || head_dim == 64 || head_dim == 128) && (!int8 || head_dim != 256)) {
            cases.push_back({kernel, c});
          }
        }
      }
    }
  };
  for (const Case& c : testing::attention_cases()) {
    if (c.dtype == Dtype::kF32 && c.head_dim == 64 && c.scale >= 0.0f) {
      add(c, c.why);
    }
  }
  add({.tokens = 1100, .layout = testing::Layout::kTokensFirst}, "several_stages");
  return cases;
}

class CudaAttention : public ::testing::TestWithParam<KernelCase> {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_DEVICE();
    const std::string why_not = why_not_here(GetParam().kernel, GetParam().of.head_dim);
    if (!why_not.empty()) {
      GTEST_SKIP() << why_not;
    }
  }
  bool is_int8() const { return precision_of(GetParam().kernel) == Precision::kInt8; }
  Inputs inputs_;

  CudaAttention() : inputs_(GetParam().of) {
    inputs_.set_precision(precision_of(GetParam().kernel));
  }
  OfKernel kernel_{GetParam().kernel};
};

TEST_P(CudaAttention, IsAsExactAsPlainLoopsOrItsScales) {
  Inputs& inputs = inputs_;
  const std::vector<double> exact = inputs.by_definition<double>();
  const std::vector<float> out = inputs.run(run_on_device);
  if (!is_int8()) {
    EXPECT_LE(testing::worst_error(out, exact), testing::allowed_error(inputs, exact));
    return;
  }
  ASSERT_EQ(out.size(), exact.size());
  const std::vector<double> bounds = testing::int8_bounds(inputs).output;
  const double roundoff = testing::roundoff(GetParam().of.dtype);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    ASSERT_LE(std::abs(out[i] - exact[i]),
              bounds[i] + roundoff * (bounds[i] + std::abs(exact[i])) + 0x1p-20)
        << "element " << i << " is " << out[i] << " instead of " << exact[i];
  }
}

TEST_P(CudaAttention, GivesTheSameBitsAgain) {
  Inputs& inputs = inputs_;
  const std::vector<float> once = inputs.run(run_on_device);
  ASSERT_FALSE(once.empty());
  EXPECT_EQ(inputs.run(run_on_device), once);
}

TEST_P(CudaAttention, LogSumExpIsThatOfTheKeptKeys) {
  Inputs& inputs = inputs_;
  const std::vector<double> bounds =
      is_int8() ? testing::int8_bounds(inputs).log_sums : std::vector<double>();
  const AttentionParams p = inputs.params();
  DeviceCall call(p);
  ASSERT_TRUE(call.run());
  const std::vector<float> lse = call.lse();
  const std::vector<double> exact = inputs.log_sums();
  for (std::size_t i = 0; i < exact.size(); ++i) {
    if (std::isinf(exact[i])) {
      ASSERT_EQ(lse[i], exact[i]) << "query " << i;
    } else {
      // Scores are fp32 sums of head_dim products, weights carry 2^-13 (exp2 by a polynomial).
      const double by_scales = is_int8() ? bounds[i] : 0.0;
      ASSERT_NEAR(lse[i], exact[i], by_scales + 0x1p-13 + 0x1p-20 * std::abs(exact[i]))
          << "query " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, CudaAttention, ::testing::ValuesIn(cuda_cases()),
                         [](const auto& test) {
                           return test.param.kernel + "_" + test.param.of.why;
                         });

// What does not depend on head_dim or dtype.
class CudaKernel : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_DEVICE();
    const std::string why_not = why_not_here(GetParam(), 128);
    if (!why_not.empty()) {
      GTEST_SKIP() << why_not;
    }
  }
  OfKernel kernel_{GetParam()};
  Precision precision_ = precision_of(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Each, CudaKernel, ::testing::ValuesIn(kKernels),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(CudaKernel, WritesNothingBetweenTheRows) {
  Inputs inputs({.why = "gaps",
                 .tokens = 200,
                 .dtype = Dtype::kBf16,
                 .layout = testing::Layout::kInterleaved});
  inputs.set_precision(precision_);
  ASSERT_FALSE(inputs.run(run_on_device).empty());
  EXPECT_TRUE(inputs.gaps_are_untouched());
}

TEST_P(CudaKernel, GivesTheDenseResultForAListOfAllTiles) {
  Inputs inputs({.why = "all", .tokens = 700, .head_dim = 128, .dtype = Dtype::kF16});
  AttentionParams p = inputs.params();
  const std::vector<KeyRun> runs(6, {.first = 0, .count = tile_count(p.tensors.tokens, kKeyTile)});
  const std::vector<std::int32_t> run_begin{0, 1, 2, 3, 4, 5, 6};
  const std::vector<TileListView> lists{{runs, run_begin, {}}};
  const std::vector<HeadTask> dense(p.tensors.heads, {.precision = precision_});
  p.tasks = dense;
  ASSERT_TRUE(run_on_device(p));
  const std::vector<float> by_dense = inputs.output();
  const std::vector<HeadTask> sparse(p.tensors.heads, {HeadMode::kSparse, 0, precision_});
  p.tasks = sparse;
  p.lists = lists;
  ASSERT_TRUE(run_on_device(p));
  EXPECT_EQ(inputs.output(), by_dense);
}

// All values of the kept half of the keys are 1 and the others -1: what a running sum loses is
// missing from 1.
TEST_P(CudaKernel, SumsOfALongListLoseNothing) {
  constexpr std::int32_t kTokens = 40000;
  constexpr std::int32_t kKept = 20032;
  constexpr std::size_t kElements = std::size_t{kTokens} * 128;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<std::uint16_t> q(kElements), k(kElements), v(kElements), out(kElements);
  const auto bits = [](float value) {
    return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
  };
  for (std::size_t i = 0; i < kElements; ++i) {
    q[i] = bits(0.5f * normal(random));
    k[i] = bits(normal(random));
    v[i] = bits(i / 128 < kKept ? 1.0f : -1.0f);
  }
  const Strides strides{.batch = static_cast<std::int64_t>(kElements),
                        .head = static_cast<std::int64_t>(kElements),
                        .token = 128};
  AttentionParams p;
  p.tensors = {q.data(), k.data(), v.data(), strides, strides,      strides,
               1,        1,        kTokens,  128,     Dtype::kBf16, 0.088f};
  p.out = out.data();
  p.out_strides = strides;
  const std::vector<KeyRun> runs(tile_count(kTokens, kQueryTile), {0, kKept / kKeyTile});
  std::vector<std::int32_t> run_begin(runs.size() + 1);
  std::iota(run_begin.begin(), run_begin.end(), 0);
  const std::vector<TileListView> lists{{runs, run_begin, {}}};
  const std::vector<HeadTask> tasks(1, {HeadMode::kSparse, 0, precision_});
  p.tasks = tasks;
  p.lists = lists;
  ASSERT_TRUE(run_on_device(p));
  double least = 2.0;
  double most = 0.0;
  double sum = 0.0;
  for (const std::uint16_t value : out) {
    const double found = std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
    least = std::min(least, found);
    most = std::max(most, found);
    sum += found / static_cast<double>(out.size());
  }
  EXPECT_NEAR(sum, 1.0, 0.001);
  EXPECT_GE(least, 0.99);
  EXPECT_LE(most, 1.01);
}

// More runs than a loading warp holds at a time, checked on some rows.
TEST_P(CudaKernel, ReadsLongListsOfShortRuns) {
  Inputs inputs({.why = "long", .tokens = 9001, .dtype = Dtype::kF16});
  AttentionParams p = inputs.params();
  const std::int32_t query_tiles = tile_count(p.tensors.tokens, kQueryTile);
  std::vector<KeyRun> runs;
  std::vector<std::int32_t> run_begin{0};
  for (std::int32_t tile = 0; tile < query_tiles; ++tile) {
    for (std::int32_t key = tile % 3; key < tile_count(p.tensors.tokens, kKeyTile); key += 2) {
      runs.push_back({.first = key, .count = 1});
    }
    run_begin.push_back(static_cast<std::int32_t>(runs.size()));
  }
  const std::vector<TileListView> lists{{runs, run_begin, {}}};
  const std::vector<HeadTask> tasks(p.tensors.heads, {HeadMode::kSparse, 0, precision_});
  p.tasks = tasks;
  p.lists = lists;
  DeviceCall call(p);
  ASSERT_TRUE(call.run());
  call.copy_out();
  const std::vector<float> out = inputs.output();
  const std::vector<float> lse = call.lse();
  for (const std::int32_t query : {0, 127, 128, 4000, 8999, 9000}) {
    double log_sum = 0.0;
    const auto keeps = [&](std::int32_t key) {
      const std::int32_t tile = key / kKeyTile - query / kQueryTile % 3;
      return tile >= 0 && tile % 2 == 0;
    };
    const std::vector<double> exact = inputs.row_by_definition(0, query, keeps, &log_sum);
    // One of the 70 tiles more or less is a hundredth and more.
    ASSERT_NEAR(lse[query], log_sum, 4e-3) << "query " << query;
    for (std::int32_t d = 0; d < p.tensors.head_dim && precision_ == Precision::kBf16; ++d) {
      ASSERT_NEAR(out[static_cast<std::size_t>(query) * p.tensors.head_dim + d], exact[d], 2e-4)
          << "query " << query;  // weights and result in fp16: 2^-11 of values of some 0.1
    }
  }
}

TEST_P(CudaKernel, FollowsTheVariantInACapturedGraph) {
  Inputs inputs({.why = "variants", .tokens = 431, .head_dim = 128, .dtype = Dtype::kBf16});
  inputs.set_precision(precision_);
  const AttentionParams p = inputs.params();
  const std::vector<HeadTask> first(p.tasks.begin(), p.tasks.end());
  const std::vector<HeadTask> second(first.rbegin(), first.rend());
  std::vector<std::vector<float>> alone;
  for (const auto& tasks : {first, second}) {
    inputs.set_tasks(tasks);
    alone.push_back(inputs.run(run_on_device));
  }
  DeviceCall call(p, {first, second});
  cudaStream_t stream;
  testing::require_cuda(cudaStreamCreate(&stream));
  call.call().stream = stream;
  cudaGraph_t graph;
  cudaGraphExec_t executable;
  testing::require_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  EXPECT_TRUE(run_attention_cuda(call.call()));
  testing::require_cuda(cudaStreamEndCapture(stream, &graph));
  testing::require_cuda(cudaGraphInstantiate(&executable, graph, 0));
  for (const std::int32_t variant : {1, 0, 1}) {
    ASSERT_TRUE(
        set_cuda_plan_variant(*call.call().plan, call.call().device_image, variant, stream));
    testing::require_cuda(cudaGraphLaunch(executable, stream));
    testing::require_cuda(cudaStreamSynchronize(stream));
    call.copy_out();
    EXPECT_EQ(inputs.output(), alone[variant]) << "variant " << variant;
  }
  EXPECT_EQ(set_cuda_plan_variant(*call.call().plan, call.call().device_image, 2, stream).reason,
            "variant 2 is not one of the plan's 2");
  // A call that names its variant has it, whatever the word says.
  for (const std::int32_t variant : {0, 1}) {
    call.call().variant = variant;
    ASSERT_TRUE(run_attention_cuda(call.call()));
    testing::require_cuda(cudaStreamSynchronize(stream));
    call.copy_out();
    EXPECT_EQ(inputs.output(), alone[variant]) << "variant " << variant;
  }
  call.call().variant = 2;
  EXPECT_EQ(can_run_attention_cuda(call.call()).reason, "variant 2 is not one of the plan's 2");
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
}

// Heads of both precisions in a layer, whichever kernels run them.
TEST(CudaAttentionPrecision, ALayerMayHaveBoth) {
  SKIP_WITHOUT_DEVICE();
  Inputs inputs({.why = "mixed", .tokens = 431, .head_dim = 64, .dtype = Dtype::kBf16});
  std::vector<HeadTask> tasks = {inputs.params().tasks.begin(), inputs.params().tasks.end()};
  std::vector<std::vector<float>> alone;
  for (const Precision precision : {Precision::kBf16, Precision::kInt8}) {
    inputs.set_precision(precision);
    alone.push_back(inputs.run(run_on_device));
    ASSERT_FALSE(alone.back().empty());
  }
  for (const std::size_t head : {0u, 2u, 4u}) {
    tasks[head].precision = Precision::kInt8;
  }
  inputs.set_tasks(tasks);
  const std::vector<float> both = inputs.run(run_on_device);
  ASSERT_EQ(both.size(), alone[0].size());
  const std::size_t size = both.size() / tasks.size();
  for (std::size_t i = 0; i < both.size(); ++i) {
    const auto& expected = alone[static_cast<std::size_t>(tasks[i / size].precision)];
    ASSERT_EQ(both[i], expected[i]) << "head " << i / size;
  }
}

// The first call of all on a device, and the choice among the kernels.
TEST(CudaAttentionChoice, IsTheFirstKernelThatTakesTheCall) {
  SKIP_WITHOUT_DEVICE();
  const std::int32_t capability = cuda_machine().devices.front().capability;
  for (const std::int32_t head_dim : {64, 96, 128, 256}) {
    std::string wanted;
    for (const CudaKernelFact& fact : cuda_kernels(capability, {.head_dim = head_dim})) {
      if (wanted.empty() && fact.why_not.empty()) {
        wanted = fact.name + " " + std::to_string(fact.version);
      }
    }
    EXPECT_EQ(cuda_kernel_of({.head_dim = head_dim, .scale = 0.1f}), wanted);
    EXPECT_EQ(why_no_cuda_kernel({.head_dim = head_dim, .scale = 0.1f}).ok, !wanted.empty());
  }
  EXPECT_EQ(cuda_kernel_of({.head_dim = 64, .dtype = Dtype::kF32, .scale = 0.1f}), "");
}

TEST(CudaAttentionRefusals, NameTheThingAndTheValue) {
  SKIP_WITHOUT_DEVICE();
  Inputs inputs({.why = "refusals", .tokens = 200, .dtype = Dtype::kBf16});
  const AttentionParams p = inputs.params();
  const auto reason = [&](auto&& change) {
    DeviceCall call(p);
    EXPECT_TRUE(can_run_attention_cuda(call.call()));
    change(call.call());
    return can_run_attention_cuda(call.call()).reason;
  };
  EXPECT_EQ(reason([](auto& c) { c.tensors.dtype = Dtype::kF32; }),
            "dtype float32: the CUDA kernels take bfloat16 and float16");
  EXPECT_EQ(reason([](auto& c) { c.tensors.head_dim = 80; }),
            "head_dim 80: the compact CUDA kernel takes 64, 96, 128 and 256");
  EXPECT_EQ(reason([](auto& c) { c.tensors.tokens = 199; }),
            "199 tokens, but the plan was made for 200");
  EXPECT_EQ(reason([](auto& c) { c.tensors.heads = 5; }), "5 heads, but layer 0 of the plan has 6");
  EXPECT_EQ(reason([](auto& c) { c.layer = 1; }), "layer 1 is not one of the plan's 1");
  EXPECT_EQ(
      reason([](auto& c) { c.tensors.q_strides.token = 68; }),
      "q: strides 76800, 12800, 68 are not all multiples of 8 elements (16 bytes) below 2^39");
  EXPECT_NE(reason([](auto& c) { c.workspace_bytes = 16; }).find("the workspace has 16 bytes"),
            std::string::npos);
  EXPECT_NE(reason([](auto& c) { c.tensors.scale = -1.0f; }).find("scale -1.0"), std::string::npos);
  EXPECT_EQ(reason([](auto& c) { c.kernel = "loom"; }),
            "kernel loom is not one of the CUDA kernels");
  EXPECT_EQ(reason([](auto& c) {
              c.kernel = "hopper";
              c.tensors.head_dim = 96;
            }),
            "head_dim 96: the hopper CUDA kernel takes 64 and 128");
}

}  // namespace
}  // namespace twill::kernels
