// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/device.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <fstream>

#include "twill/engine/kernel_arguments.h"
#include "twill/kernels/dtype_names.h"
#include "twill/kernels/machine.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

constexpr std::int32_t kFp8Capability = 89;  // the first with products in fp8

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "CPU";
}

bool has_avx512_bf16() {
#if defined(__x86_64__) && defined(__GNUC__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

}  // namespace

c10::Device choose_device() {
  return at::hasCUDA() ? c10::Device(c10::kCUDA, 0) : c10::Device(c10::kCPU);
}

c10::ScalarType choose_dtype(c10::Device device) {
  return !device.is_cpu() || has_avx512_bf16() ? at::kBFloat16 : at::kFloat;
}

std::string dtype_name(c10::ScalarType dtype) {
  const std::optional<kernels::Dtype> taken = kernel_dtype(dtype);
  for (const auto& [known, name] : kernels::kDtypeNames) {
    if (known == taken) {
      return std::string(name);
    }
  }
  return c10::toString(dtype);
}

std::optional<c10::ScalarType> dtype_of(std::string_view name) {
  for (const c10::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    if (dtype_name(dtype) == name) {
      return dtype;
    }
  }
  return std::nullopt;
}

void* current_stream(c10::Device device) {
  const c10::impl::VirtualGuardImpl guard(device.type());
  const c10::Stream stream = guard.getStream(device);
  return stream.id() == 0 ? nullptr : guard.getStreamNativeHandle(stream);
}

std::optional<DeviceMemory> device_memory(c10::Device device) {
  if (!device.is_cuda()) {
    return std::nullopt;
  }
  at::empty({1}, at::TensorOptions(device));  // nobody may have begun to use it
  const auto [free, total] = at::getDeviceAllocator(device.type())
                                 ->getMemoryInfo(static_cast<c10::DeviceIndex>(device.index()));
  return DeviceMemory{.free = static_cast<std::int64_t>(free),
                      .total = static_cast<std::int64_t>(total)};
}

std::string device_name(c10::Device device) {
  if (device.is_cpu()) {
    return concat(cpu_name(), ", ", at::get_num_threads(), " threads");
  }
  return device.str();
}

std::string why_no_fp8(c10::Device device) {
  constexpr const char* kNeeds =
      "products in fp8 need an NVIDIA GPU of compute capability 8.9 or more (RTX 40 and newer)";
  if (!device.is_cuda()) {
    return concat(kNeeds, ", and this runs on the CPU");
  }
  const kernels::CudaMachine machine = kernels::cuda_machine();
  const auto index = static_cast<std::size_t>(std::max<int>(device.index(), 0));
  if (index >= machine.devices.size() || machine.devices[index].capability >= kFp8Capability) {
    return {};
  }
  const kernels::CudaDevice& card = machine.devices[index];
  return concat(kNeeds, ", and ", card.name, " is of ", card.capability / 10, ".",
                card.capability % 10);
}

}  // namespace twill::engine
