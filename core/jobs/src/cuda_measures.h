// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Heads measured by the CUDA kernels, where the tensors are.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "call_measurer.h"
#include "twill/kernels/cuda_plan.h"

namespace twill::jobs {

// Compiles in every build; one without CUDA kernels says so at the first call.
class CudaMeasures final : public CallMeasurer {
 public:
  explicit CudaMeasures(const MeasuringTask& task) : task_(task) {}

  // Waits for the measures. Throws c10::Error too, where memory does not suffice.
  ShownCall show(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const std::vector<std::int32_t>& rows) override;

 private:
  // Tables of the candidates on the device, made once, and the rows, once for each unit.
  void prepare(c10::Device device, const std::vector<std::int32_t>& rows);
  void measure_errors(const search::AttentionCall& call, HeadMeasures& measures) const;
  void draw_maps(const search::AttentionCall& call, HeadMeasures& measures) const;
  // By a layer of the kernels in bf16 and one in INT8, whose heads have all keys for the query
  // tiles that hold a sampled row and none for the others.
  void measure_int8(const at::Tensor& q, const search::AttentionCall& call, HeadMeasures& measures);
  at::Tensor rows_of_layer(const at::Tensor& q, const search::AttentionCall& call,
                           std::int32_t variant) const;

  MeasuringTask task_;
  kernels::CudaPlan plan_;
  at::Tensor image_;  // plan_'s, on the device
  std::vector<std::int32_t> rows_;
  at::Tensor device_rows_;  // rows_ there
  // For these rows and so many heads; a variant for each precision.
  kernels::CudaPlan rows_plan_;
  std::int32_t rows_heads_ = 0;
  at::Tensor rows_image_;
};

}  // namespace twill::jobs
