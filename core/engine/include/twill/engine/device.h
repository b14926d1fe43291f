// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Where the networks run and in which dtype.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twill::engine {

// CUDA when the build of LibTorch and the machine have it, else the CPU.
c10::Device choose_device();
// bf16 on CUDA and on CPUs with AVX-512-BF16, else fp32: without that instruction bf16 products are
// slower than fp32 ones.
c10::ScalarType choose_dtype(c10::Device device);
// Of kernels::kDtypeNames; torch's own for what no kernel takes.
std::string dtype_name(c10::ScalarType dtype);
// The way back; empty for another name.
std::optional<c10::ScalarType> dtype_of(std::string_view name);
// A sentence where a device has no products in fp8; empty where it has.
std::string why_no_fp8(c10::Device device);
// The stream (cudaStream_t) that torch queues work of this CUDA device on now; null: the default
// one.
void* current_stream(c10::Device device);
// Bytes of a GPU's memory that nobody uses now, and all that it has; empty for the CPU.
struct DeviceMemory {
  std::int64_t free = 0;
  std::int64_t total = 0;
};
std::optional<DeviceMemory> device_memory(c10::Device device);
// "AMD EPYC, 2 threads" or "NVIDIA H200", for reports.
std::string device_name(c10::Device device);

}  // namespace twill::engine
