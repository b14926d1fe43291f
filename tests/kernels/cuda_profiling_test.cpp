// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/kernels/cuda_profiling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "attention_inputs.h"
#include "device_memory.h"
#include "elements.h"

namespace twill::kernels {
namespace {

using testing::Case;
using testing::DeviceMemory;
using testing::Inputs;

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {.why = "one_token", .tokens = 1, .dtype = Dtype::kBf16},
      {.why = "ragged", .tokens = 431, .head_dim = 128, .dtype = Dtype::kBf16},
      {.why = "f16_views",
       .tokens = 300,
       .dtype = Dtype::kF16,
       .layout = testing::Layout::kTokensFirst,
       .batch = 2},
      {.why = "f16_head_dim_128", .tokens = 257, .head_dim = 128, .dtype = Dtype::kF16},
      {.why = "sharp_softmax", .tokens = 300, .dtype = Dtype::kBf16, .spread = 8.0f}};
  return all;
}

class CudaProfiling : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
      GTEST_SKIP() << "no CUDA device";
    }
  }
};

std::int64_t elements_of(const AttentionParams& p, const Strides& s) {
  return (p.tensors.batch - 1) * s.batch + (p.tensors.heads - 1) * s.head +
         (p.tensors.tokens - 1) * s.token + p.tensors.head_dim;
}
DeviceMemory on_device(const AttentionParams& p, const void* base, const Strides& s) {
  return DeviceMemory(base, elements_of(p, s) * element_bytes(p.tensors.dtype));
}

TEST_P(CudaProfiling, HeadErrorsAreThoseOfTheDefinition) {
  Inputs inputs(GetParam());
  const AttentionParams p = inputs.params();
  std::vector<std::int32_t> rows;
  for (std::int32_t row = p.tensors.tokens - 1; row >= 0; row -= 5) {
    rows.push_back(row);
  }
  const std::vector<HeadTask> candidates(p.tasks.begin(), p.tasks.end());
  const std::vector<std::span<const HeadTask>> tasks{candidates};
  CudaPlan plan;
  ASSERT_TRUE(make_cuda_plan(
      {.tokens = p.tensors.tokens, .lists = p.lists, .variants = 1, .layers = 1, .tasks = tasks},
      &plan));
  const DeviceMemory q = on_device(p, p.tensors.q, p.tensors.q_strides);
  const DeviceMemory k = on_device(p, p.tensors.k, p.tensors.k_strides);
  const DeviceMemory v = on_device(p, p.tensors.v, p.tensors.v_strides);
  const DeviceMemory image(plan.image.data(), plan.bytes());
  const DeviceMemory device_rows(rows.data(), rows.size() * sizeof(rows[0]));
  const std::size_t heads = static_cast<std::size_t>(p.tensors.batch) * p.tensors.heads;
  const DeviceMemory error(heads * candidates.size() * sizeof(double));
  const DeviceMemory norm(heads * sizeof(double));
  CudaHeadErrorParams call{.tensors = p.tensors,
                           .rows = rows,
                           .candidates = candidates,
                           .error = error.as<double>(),
                           .norm = norm.as<double>(),
                           .plan = &plan,
                           .device_image = image.as<std::int32_t>(),
                           .device_rows = device_rows.as<std::int32_t>()};
  call.tensors.q = q.as<void>();
  call.tensors.k = k.as<void>();
  call.tensors.v = v.as<void>();
  call.workspace_bytes = cuda_head_error_bytes(call);
  const DeviceMemory workspace(call.workspace_bytes);
  call.workspace = workspace.as<void>();
  const Status status = sampled_head_errors_cuda(call);
  ASSERT_TRUE(status.ok) << status.reason;
  testing::require_cuda(cudaDeviceSynchronize());
  const std::vector<double> errors = error.read<double>();
  const std::vector<double> norms = norm.read<double>();

  inputs.set_tasks(std::vector<HeadTask>(p.tensors.heads));
  const std::vector<double> exact = inputs.by_definition<double>();
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    inputs.set_tasks(std::vector<HeadTask>(p.tensors.heads, candidates[c]));
    const std::vector<double> sparse = inputs.by_definition<double>();
    for (std::size_t head = 0; head < heads; ++head) {
      double wanted = 0.0;
      double wanted_norm = 0.0;
      for (const std::int32_t row : rows) {
        for (std::int32_t d = 0; d < p.tensors.head_dim; ++d) {
          const std::size_t at =
              (head * static_cast<std::size_t>(p.tensors.tokens) + row) * p.tensors.head_dim + d;
          wanted += (sparse[at] - exact[at]) * (sparse[at] - exact[at]);
          wanted_norm += exact[at] * exact[at];
        }
      }
      // Weights in two parts of bf16 carry 2^-17; scores are fp32.
      const double rounding = 0x1p-14 * (1.0 + GetParam().spread);
      const double got = errors[head * candidates.size() + c];
      EXPECT_NEAR(std::sqrt(got), std::sqrt(wanted), rounding * std::sqrt(wanted_norm))
          << "head " << head << ", candidate " << c;
      EXPECT_NEAR(norms[head], wanted_norm, 2 * rounding * wanted_norm);
      if (candidates[c].mode == HeadMode::kDense) {
        EXPECT_EQ(got, 0.0);
      }
    }
  }
}

TEST_P(CudaProfiling, MapsAreTheBlockMeansOfTheSoftmax) {
  Inputs inputs(GetParam());
  const AttentionParams p = inputs.params();
  const DeviceMemory q = on_device(p, p.tensors.q, p.tensors.q_strides);
  const DeviceMemory k = on_device(p, p.tensors.k, p.tensors.k_strides);
  for (const std::int32_t stride : {1, 3}) {
    const std::int32_t size = std::min(p.tensors.tokens, 9);
    const DeviceMemory drawn(sizeof(float) * p.tensors.batch * p.tensors.heads * size * size);
    AttentionMapParams draw{
        .tensors = p.tensors, .size = size, .query_stride = stride, .map = drawn.as<float>()};
    draw.tensors.q = q.as<void>();
    draw.tensors.k = k.as<void>();
    const Status status = attention_map_cuda(draw, nullptr);
    ASSERT_TRUE(status.ok) << status.reason;
    testing::require_cuda(cudaDeviceSynchronize());
    const std::vector<float> map = drawn.read<float>();
    const std::int32_t block = (p.tensors.tokens + size - 1) / size;
    for (std::int32_t item = 0; item < p.tensors.batch * p.tensors.heads; ++item) {
      const std::vector<double> weights =
          inputs.dense_weights(item / p.tensors.heads, item % p.tensors.heads);
      for (std::int32_t i = 0; i < size; ++i) {
        for (std::int32_t j = 0; j < size; ++j) {
          double sum = 0.0;
          int queries = 0;
          for (std::int32_t row = i * block; row < std::min(p.tensors.tokens, (i + 1) * block);
               row += stride) {
            ++queries;
            for (std::int32_t key = j * block; key < std::min(p.tensors.tokens, (j + 1) * block);
                 ++key) {
              sum += weights[static_cast<std::size_t>(row) * p.tensors.tokens + key];
            }
          }
          ASSERT_NEAR(map[(static_cast<std::size_t>(item) * size + i) * size + j],
                      queries == 0 ? 0.0 : sum / queries, 200 * 0x1p-24 * (1.0 + GetParam().spread))
              << "head " << item << ", block " << i << ", " << j;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, CudaProfiling, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.why; });

}  // namespace
}  // namespace twill::kernels
