// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Which CUDA kernels there are, best first, and what each of them takes. Host code without CUDA, in
// every build.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "twill/kernels/machine.h"

namespace twill::kernels {

struct CudaKernelRule {
  std::string_view name;
  std::int32_t version = 0;  // raised with every change of its speed
  std::int32_t first_capability = 0;
  std::int32_t last_capability = 0;
  std::int32_t shared_kib = 0;  // that a block of the device may have, at least
  std::span<const std::int32_t> head_dims;
  Precision precision = Precision::kBf16;  // of the heads that it computes
  std::int32_t bulk_head_dim = 0;          // that it takes only from 9.0 on, where bulk copies are
};

// The kernels of kernel_table.cpp stand in the same order.
std::span<const CudaKernelRule> cuda_kernel_rules();

// Empty when the kernel takes heads of its precision of such calls on such devices.
std::string why_not_kernel(const CudaKernelRule& rule, std::int32_t capability,
                           const CudaCall& call);

}  // namespace twill::kernels
