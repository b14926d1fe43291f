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

  MeasuringTask task_;
  kernels::CudaPlan plan_;
  at::Tensor image_;  // plan_'s, on the device
  std::vector<std::int32_t> rows_;
  at::Tensor device_rows_;  // rows_ there
};

}  // namespace twill::jobs
