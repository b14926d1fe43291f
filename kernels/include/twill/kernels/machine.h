// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Which kernels of this build run on this machine, and in words why the others do not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace twill::kernels {

struct KernelFact {
  std::string name;     // "avx512_bf16", the instructions that it is compiled for
  std::string why_not;  // empty: it runs
};

// The loops of each instruction set, the best first.
std::vector<KernelFact> cpu_kernels();

struct CudaDevice {
  std::string name;
  std::int32_t capability = 0;  // major * 10 + minor
  std::int64_t memory_bytes = 0;
  std::string why_not;  // empty: the kernels run there
};

struct CudaMachine {
  std::int32_t built_with = 0;    // CUDA of the build, 13000 for 13.0; 0: no CUDA kernels
  std::int32_t driver_takes = 0;  // newest CUDA that the driver runs; 0: no driver
  std::string why_not;            // why no device can be used at all; empty: see the devices
  std::vector<CudaDevice> devices;
};

// Asks the driver; makes no CUDA context.
CudaMachine cuda_machine();

// Sentences, in every build. Empty when such a driver runs code of `built_with`.
std::string why_not_driver(std::int32_t built_with, std::int32_t driver_takes);
// Empty when the CUDA kernels are for this compute capability.
std::string why_not_capability(std::int32_t capability);

}  // namespace twill::kernels
