// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Where the time of a step goes on a GPU: milliseconds by kind of kernel, as torch's profiler sees
// them, for one forward of a model folder's default clip and one VAE decode, with their peak
// memory. A line of JSON each.
//   step_parts FOLDER PROMPT [PLAN]
#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <torch/csrc/autograd/profiler_kineto.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "twill/engine/attention.h"
#include "twill/engine/model.h"
#include "twill/plan/plan_io.h"

namespace {

using twill::engine::VideoModel;
namespace profiler = torch::profiler::impl;

// By words in a kernel's name; the first that holds.
std::string kind_of(const std::string& name) {
  const std::vector<std::pair<const char*, std::vector<const char*>>> kinds{
      {"attention", {"twill::kernels", "flash", "fmha", "sdpa"}},
      {"fused", {"twill::engine::cuda"}},
      {"convolution", {"fprop", "conv", "implicit"}},
      {"product", {"gemm", "nvjet", "cutlass", "splitK", "cublas"}},
      {"copy", {"Memcpy", "Memset"}}};
  for (const auto& [kind, words] : kinds) {
    for (const char* word : words) {
      if (name.find(word) != std::string::npos) {
        return kind;
      }
    }
  }
  return "other";
}

nlohmann::json profile(const char* what, c10::Device device, const std::function<void()>& work) {
  constexpr auto kAll = static_cast<std::size_t>(at::CachingAllocator::StatType::AGGREGATE);
  work();
  work();
  at::DeviceAllocator& allocator = *at::getDeviceAllocator(device.type());
  allocator.emptyCache();
  const auto before = allocator.getDeviceStats(0);
  allocator.resetPeakStats(0);
  const auto wait = [&] { at::empty({1}, at::TensorOptions(device)).item(); };
  wait();
  const auto begin = std::chrono::steady_clock::now();
  work();
  wait();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const auto stats = allocator.getDeviceStats(0);
  const profiler::ProfilerConfig config(profiler::ProfilerState::KINETO);
  const std::set<profiler::ActivityType> activities{profiler::ActivityType::CPU,
                                                    profiler::ActivityType::CUDA};
  torch::autograd::profiler::prepareProfiler(config, activities);
  torch::autograd::profiler::enableProfiler(config, activities);
  work();
  wait();
  const auto result = torch::autograd::profiler::disableProfiler();
  std::map<std::string, double> kinds;
  std::map<std::string, double> others;
  double all = 0;
  for (const auto& event : result->events()) {
    if (event.deviceType() == c10::DeviceType::CUDA) {
      const double ms = static_cast<double>(event.durationNs()) / 1e6;
      const std::string kind = kind_of(event.name());
      all += ms;
      kinds[kind] += ms;
      if (kind != "attention" && kind != "product") {
        others[kind + ": " + event.name().substr(0, 160)] += ms;
      }
    }
  }
  std::vector<std::pair<double, std::string>> dearest;
  for (const auto& [name, ms] : others) {
    dearest.emplace_back(ms, name);
  }
  std::ranges::sort(dearest, std::greater<>());
  dearest.resize(std::min<std::size_t>(dearest.size(), 12));
  return {{"what", what},
          {"seconds", seconds},
          {"kernel_ms", all},
          {"ms", kinds},
          {"dearest_beside_products", dearest},
          {"allocated_before_mib", before.allocated_bytes[kAll].current >> 20},
          {"reserved_before_mib", before.reserved_bytes[kAll].current >> 20},
          {"allocated_peak_mib", stats.allocated_bytes[kAll].peak >> 20},
          {"reserved_peak_mib", stats.reserved_bytes[kAll].peak >> 20}};
}

void print(const nlohmann::json& row) { std::printf("%s\n", row.dump().c_str()); }

std::shared_ptr<const twill::Plan> plan_of(const VideoModel& model, const char* file) {
  if (file != nullptr) {
    return std::make_shared<const twill::Plan>(twill::read_plan(file));
  }
  auto plan = std::make_shared<twill::Plan>();
  plan->name = "dense";
  plan->model = model.shape();
  plan->patterns = {twill::dense()};
  plan->segments = {{.t_begin = 0.0, .t_end = 1.0, .dense = true}};
  return plan;
}

void run(const char* folder, const char* text, const char* plan) {
  const VideoModel model = twill::engine::load_model(std::filesystem::path(folder));
  const at::Tensor latents = at::randn(model.latent_shape(model.defaults.size)).to(model.device);
  const twill::engine::Conditioned prompt = model.condition(text);
  twill::engine::PlanAttention attention(plan_of(model, plan),
                                         model.layout(model.defaults.size, prompt));
  print(profile("forward", model.device,
                [&] { model.forward(latents, prompt, attention, {.t = 0.5}); }));
  if (plan == nullptr) {
    print(profile("decode", model.device, [&] { model.vae->decode(latents, {}); }));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: step_parts FOLDER PROMPT [PLAN]\n");
    return 2;
  }
  try {
    run(argv[1], argv[2], argc > 3 ? argv[3] : nullptr);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
