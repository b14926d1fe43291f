// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The sentences that say why a driver cannot run the CUDA kernels. Host code without
// CUDA, in every build.
#include "twill/kernels/machine.h"

namespace twill::kernels {
namespace {

// The first driver of each CUDA release on Linux: minor releases of one major run on all drivers
// of it. https://docs.nvidia.com/deploy/cuda-compatibility
std::int32_t first_driver(std::int32_t cuda_major) {
  switch (cuda_major) {
    case 12:
      return 525;
    case 13:
      return 580;
    default:
      return 0;
  }
}

std::string dotted(std::int32_t cuda) {
  return std::to_string(cuda / 1000) + "." + std::to_string(cuda % 1000 / 10);
}

}  // namespace

std::string why_not_driver(std::int32_t built_with, std::int32_t driver_takes) {
  if (built_with == 0) {
    return "this build has no CUDA kernels (built without nvcc)";
  }
  if (driver_takes == 0) {
    return "no NVIDIA driver was found, so there is no GPU to run on";
  }
  if (driver_takes / 1000 >= built_with / 1000) {
    return {};
  }
  const std::int32_t driver = first_driver(built_with / 1000);
  return "the NVIDIA driver is too old: it runs CUDA " + dotted(driver_takes) +
         ", these kernels are built with CUDA " + dotted(built_with) + " and need driver " +
         (driver == 0 ? "of that release" : std::to_string(driver)) + " or newer";
}

}  // namespace twill::kernels
