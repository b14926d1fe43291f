// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "call_measurer.h"

#include <ATen/ATen.h>

#include <utility>

#include "cuda_measures.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

class WithFallback final : public CallMeasurer {
 public:
  WithFallback(std::unique_ptr<CallMeasurer> first, Note note)
      : first_(std::move(first)), note_(std::move(note)) {}

  ShownCall show(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const std::vector<std::int32_t>& rows) override {
    if (first_ != nullptr) {
      try {
        return first_->show(q, k, v, rows);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kUnsupported) {
          throw;
        }
        give_up(q.device(), error.what());
      } catch (const c10::Error& error) {  // no memory beside the model, say
        give_up(q.device(), first_line(error.what_without_backtrace()));
      }
    }
    return on_cpu_.show(q, k, v, rows);
  }

 private:
  void give_up(c10::Device device, const std::string& reason) {
    first_.reset();  // and its memory
    if (note_) {
      note_(concat("heads are measured on the CPU and not on ", device.str(), ": ", reason));
    }
  }

  std::unique_ptr<CallMeasurer> first_;
  CpuMeasurer on_cpu_;
  Note note_;
};

}  // namespace

MeasuringTask measuring_task(const search::Profiler& profiler, std::int32_t tokens) {
  return {.candidates = profiler.tasks(),
          .lists = profiler.lists(),
          .tokens = tokens,
          .map_size = profiler.map_size(),
          .query_stride = profiler.query_stride(),
          .int8 = profiler.options().int8};
}

MeasuringTask measuring_task(const search::AdaptiveRun& run, std::int32_t tokens) {
  return {.candidates = run.tasks(), .lists = run.lists(), .tokens = tokens};
}

ShownCall CpuMeasurer::show(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::vector<std::int32_t>&) {
  return cpu_call(q, k, v);
}

std::unique_ptr<CallMeasurer> or_on_cpu(std::unique_ptr<CallMeasurer> first, Note note) {
  return std::make_unique<WithFallback>(std::move(first), std::move(note));
}

std::unique_ptr<CallMeasurer> measurer_on(c10::Device device, const MeasuringTask& task,
                                          Note note) {
  if (device.is_cpu()) {
    return std::make_unique<CpuMeasurer>();
  }
  return or_on_cpu(std::make_unique<CudaMeasures>(task), std::move(note));
}

std::string measured_on(const ShownCall& shown, c10::Device device) {
  return std::holds_alternative<HeadMeasures>(shown) ? device.str() : "cpu";
}

}  // namespace twill::jobs
