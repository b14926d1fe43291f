// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Which kernels of this build run on this machine, and in words why the others do not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "twill/kernels/attention_tensors.h"
#include "twill/kernels/tile_list.h"

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

// The attention kernels, the best first, and why no device here runs them; empty for those that one
// runs.
std::vector<KernelFact> cuda_kernels_of(const CudaMachine& machine);

// Sentences, in every build. Empty when such a driver runs code of `built_with`.
std::string why_not_driver(std::int32_t built_with, std::int32_t driver_takes);
// Empty when there is a CUDA kernel for this compute capability (major * 10 + minor).
std::string why_not_capability(std::int32_t capability);

// What the choice of a CUDA kernel depends on, beside the device.
struct CudaCall {
  std::int32_t head_dim = 0;
  Dtype dtype = Dtype::kBf16;
  float scale = 0.0f;
  Precision precision = Precision::kBf16;  // of the heads
};
struct CudaKernelFact {
  std::string name;
  std::int32_t version = 0;  // raised with every change of its speed: measured costs are kept by it
  std::string why_not;       // empty: it takes such calls
};
// Attention kernels for such calls on a device of this compute capability, the best first; whether
// the build has CUDA kernels at all is cuda_machine()'s to say.
std::vector<CudaKernelFact> cuda_kernels(std::int32_t capability, const CudaCall& call);

}  // namespace twill::kernels
