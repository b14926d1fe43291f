// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Where the heads of an attention call are measured: on the device of its tensors or on the CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "cpu_call.h"
#include "twill/search/adaptive_run.h"
#include "twill/search/profiler.h"

namespace twill::jobs {

// What a profiler wants to know of its calls. Points into the profiler.
struct MeasuringTask {
  std::span<const kernels::HeadTask> candidates;
  std::span<const kernels::TileListView> lists;
  std::int32_t tokens = 0;
  std::int32_t map_size = 0;  // blocks a side, 0: no maps
  std::int32_t query_stride = 1;
  bool int8 = false;  // what heads lose in INT8 too
};
// tokens: of its layout.
MeasuringTask measuring_task(const search::Profiler& profiler, std::int32_t tokens);
MeasuringTask measuring_task(const search::AdaptiveRun& run, std::int32_t tokens);

struct HeadMeasures {
  std::vector<double> error;  // as in search::CallMeasures
  std::vector<double> norm;
  std::vector<float> map;
  std::vector<double> int8_error;

  search::CallMeasures view() const {
    return {.error = error, .norm = norm, .map = map, .int8_error = int8_error};
  }
};

// What a profiler is to observe: the call itself, which it measures on the CPU, or its measures.
// view() of either is what observe() takes.
using ShownCall = std::variant<CpuCall, HeadMeasures>;

class CallMeasurer {
 public:
  virtual ~CallMeasurer() = default;
  // q, k, v: [batch, heads, tokens, head_dim]; rows: the sampled query tokens. Throws
  // Error(kUnsupported) with the reason why it cannot measure such a call.
  virtual ShownCall show(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const std::vector<std::int32_t>& rows) = 0;
};

class CpuMeasurer final : public CallMeasurer {
 public:
  ShownCall show(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const std::vector<std::int32_t>& rows) override;
};

using Note = std::function<void(const std::string&)>;

// As `first` does it until that throws Error(kUnsupported) or has no memory; from then on the CPU
// measures, which `note` (may be empty) is told in one sentence.
std::unique_ptr<CallMeasurer> or_on_cpu(std::unique_ptr<CallMeasurer> first, Note note);

// On `device`, where the model runs, as far as there are kernels for it.
std::unique_ptr<CallMeasurer> measurer_on(c10::Device device, const MeasuringTask& task, Note note);

// "cuda:0", or "cpu": where what is shown of a call on `device` is measured.
std::string measured_on(const ShownCall& shown, c10::Device device);

}  // namespace twill::jobs
