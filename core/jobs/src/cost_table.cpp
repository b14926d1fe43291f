// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "cost_table.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>

#include "meter.h"
#include "twill/engine/kernel_arguments.h"
#include "twill/kernels/attention.h"
#include "twill/plan/compile.h"
#include "twill/plan/error.h"
#include "twill/report/clip_settings.h"

namespace twill::jobs {
namespace {

// Rounds over all candidates, after one that warms up: a machine that is slow for a while is slow
// for many of them, not for all times of one.
constexpr int kRounds = 3;

}  // namespace

std::string cpu_kernel_name() { return concat("twill cpu ", kernels::kCpuKernelVersion); }

CostTable measure_costs(const Profile& profile, const std::string& device, const std::string& dtype,
                        int threads, const JobControl& control) {
  const bool narrow = dtype == "bfloat16" || dtype == report::kFp8Products;
  require(narrow || dtype == "float32", ErrorCode::kUnsupported, "timing candidates in ", dtype,
          ": float32 and bfloat16 are timed");
  const std::int32_t heads = profile.model.stacks.front().heads;
  const std::int32_t tokens = profile.layout.tokens();
  const std::int32_t head_dim = profile.model.head_dim;
  const auto random = [&] {
    return at::randn({1, heads, tokens, head_dim}, at::make_generator<at::CPUGeneratorImpl>(1),
                     at::kFloat)
        .to(narrow ? at::kBFloat16 : at::kFloat);
  };
  const at::Tensor q = random();
  const at::Tensor k = random();
  const at::Tensor v = random();
  at::Tensor out = at::empty_like(q);

  CostTable table{
      .device = concat(device, ", ", dtype), .kernel = cpu_kernel_name(), .layout = profile.layout};
  Meter meter(control, "time the candidates",
              static_cast<std::int64_t>(profile.candidates.size()) * (1 + kRounds));
  std::vector<TileList> lists;
  for (const Pattern& pattern : profile.candidates) {
    lists.push_back(compile_pattern(pattern, profile.layout));
  }
  std::vector<std::array<double, kRounds>> seconds(lists.size());
  for (int round = -1; round < kRounds; ++round) {
    for (std::size_t i = 0; i < lists.size(); ++i) {
      meter.check_stop();
      const kernels::TileListView view = lists[i].view();
      const std::vector<kernels::HeadTask> tasks(static_cast<std::size_t>(heads),
                                                 task_of(profile.candidates[i], 0));
      const kernels::AttentionParams params{
          .tensors = engine::kernel_tensors(q, k, v, *engine::kernel_dtype(q.scalar_type())),
          .out = out.mutable_data_ptr(),
          .out_strides = engine::strides_of(out),
          .tasks = tasks,
          .lists = {&view, 1},
          .threads = threads};
      const Clock::time_point begin = Clock::now();
      const kernels::Status status = kernels::run_attention_cpu(params);
      require(status.ok, ErrorCode::kUnsupported, "timing a candidate: ", status.reason);
      if (round >= 0) {
        seconds[i][static_cast<std::size_t>(round)] = seconds_since(begin);
      }
      meter.advance();
    }
  }
  for (std::array<double, kRounds>& of_candidate : seconds) {
    std::sort(of_candidate.begin(), of_candidate.end());
    table.milliseconds.push_back(1e3 * of_candidate[kRounds / 2] / heads);
  }
  return table;
}

}  // namespace twill::jobs
