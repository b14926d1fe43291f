// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/device.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <fstream>

#include "twill/engine/kernel_arguments.h"
#include "twill/kernels/dtype_names.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

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

}  // namespace twill::engine
