// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "device.h"

#include <cuda_runtime_api.h>

#include <array>
#include <atomic>
#include <string>

#include "../checks.h"
#include "twill/kernels/machine.h"

namespace twill::kernels {
namespace {

constexpr int kDevices = 64;
// Compute capability, major * 10 + minor; 0: not asked yet.
std::array<std::atomic<int>, kDevices> known_devices;

cudaError_t ask_capability(int* capability) {
  int device = 0;
  if (const cudaError_t error = cudaGetDevice(&device); error != cudaSuccess) {
    return error;
  }
  if (device < kDevices && known_devices[device] != 0) {
    *capability = known_devices[device];
    return cudaSuccess;
  }
  int major = 0;
  int minor = 0;
  for (const auto& [to, attribute] : {std::pair{&major, cudaDevAttrComputeCapabilityMajor},
                                      std::pair{&minor, cudaDevAttrComputeCapabilityMinor}}) {
    if (const cudaError_t error = cudaDeviceGetAttribute(to, attribute, device);
        error != cudaSuccess) {
      return error;
    }
  }
  *capability = major * 10 + minor;
  if (device < kDevices) {
    known_devices[device] = *capability;
  }
  return cudaSuccess;
}

std::string why_no_device(cudaError_t error) {
  int driver_takes = 0;
  if (cudaDriverGetVersion(&driver_takes) != cudaSuccess) {
    driver_takes = 0;
  }
  const std::string why_not = why_not_driver(CUDART_VERSION, driver_takes);
  if (!why_not.empty()) {
    return why_not;
  }
  if (error == cudaErrorNoDevice) {
    return "the NVIDIA driver shows no GPU to this process";
  }
  return std::string("no CUDA device: ") + cudaGetErrorString(error);
}

}  // namespace

CudaMachine cuda_machine() {
  CudaMachine machine{.built_with = CUDART_VERSION};
  if (cudaDriverGetVersion(&machine.driver_takes) != cudaSuccess) {
    machine.driver_takes = 0;
  }
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess) {
    machine.why_not = why_no_device(error);
    return machine;
  }
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties;
    if (const cudaError_t error = cudaGetDeviceProperties(&properties, i); error != cudaSuccess) {
      machine.devices.push_back(
          {.name = "device " + std::to_string(i), .why_not = cudaGetErrorString(error)});
      continue;
    }
    const std::int32_t capability = properties.major * 10 + properties.minor;
    machine.devices.push_back({.name = properties.name,
                               .capability = capability,
                               .memory_bytes = static_cast<std::int64_t>(properties.totalGlobalMem),
                               .why_not = why_not_capability(capability)});
  }
  return machine;
}

int current_capability(Status* status) {
  int capability = 0;
  if (const cudaError_t error = ask_capability(&capability); error != cudaSuccess) {
    *status = Status::failure(why_no_device(error));
    return 0;
  }
  return capability;
}

Status check_device() {
  Status status;
  const int capability = current_capability(&status);
  if (!status) {
    return status;
  }
  const std::string why_not = why_not_capability(capability);
  return why_not.empty() ? Status{} : Status::failure(why_not);
}

Status check_rows(const char* name, const void* base, const Strides& strides,
                  const AttentionTensors& in) {
  if (reinterpret_cast<std::uintptr_t>(base) % 16 != 0) {
    return refuse(name, ": the address is no multiple of 16 bytes");
  }
  const auto bad = [](std::int64_t stride, std::int32_t count) {
    return count > 1 && (stride % 8 != 0 || stride < 0 || stride >= std::int64_t{1} << 39);
  };
  if (bad(strides.token, in.tokens) || bad(strides.head, in.heads) ||
      bad(strides.batch, in.batch)) {
    return refuse(name, ": strides ", strides.batch, ", ", strides.head, ", ", strides.token,
                  " are not all multiples of 8 elements (16 bytes) below 2^39");
  }
  return {};
}

Status check_profiling_shape(const AttentionTensors& in) {
  if (in.dtype == Dtype::kF32) {
    return refuse("dtype float32: the CUDA kernels take bfloat16 and float16");
  }
  if (in.head_dim != 64 && in.head_dim != 128) {
    return refuse("head_dim ", in.head_dim, ": heads of 64 and 128 are measured on a GPU");
  }
  if (!(in.scale >= 0.0f)) {
    return refuse("scale ", in.scale, ": the CUDA kernels take none below 0");
  }
  return {};
}

}  // namespace twill::kernels
