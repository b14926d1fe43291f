// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "kernel_rules.h"

#include <algorithm>
#include <array>
#include <limits>

namespace twill::kernels {
namespace {

constexpr std::int32_t kFirstWithBulkCopies = 90;
constexpr std::int32_t kAnyLater = std::numeric_limits<std::int32_t>::max();
constexpr std::array<std::int32_t, 2> kHopperHeadDims{64, 128};
constexpr std::array<std::int32_t, 4> kPortableHeadDims{64, 96, 128, 256};
constexpr std::array<std::int32_t, 3> kInt8HeadDims{64, 96, 128};

constexpr std::array<CudaKernelRule, 5> kRules{{
    {.name = "hopper",
     .version = 3,
     .first_capability = 90,
     .last_capability = 90,
     .shared_kib = 227,
     .head_dims = kHopperHeadDims},
    {.name = "portable",
     .version = 2,
     .first_capability = 80,
     .last_capability = kAnyLater,
     .shared_kib = 163,
     .head_dims = kPortableHeadDims},
    {.name = "compact",
     .version = 1,
     .first_capability = 80,
     .last_capability = kAnyLater,
     .shared_kib = 99,
     .head_dims = kPortableHeadDims},
    {.name = "int8",
     .version = 2,
     .first_capability = 80,
     .last_capability = kAnyLater,
     .shared_kib = 163,
     .head_dims = kInt8HeadDims,
     .precision = Precision::kInt8,
     .bulk_head_dim = 64},
    {.name = "int8_compact",
     .version = 2,
     .first_capability = 80,
     .last_capability = kAnyLater,
     .shared_kib = 99,
     .head_dims = kInt8HeadDims,
     .precision = Precision::kInt8},
}};

// What a block may have at most, by the table of compute capabilities of the CUDA C++ Programming
// Guide; 99 for devices that came later, which is the least since 8.0.
std::int32_t shared_kib_of(std::int32_t capability) {
  switch (capability) {
    case 80:
    case 87:
      return 163;
    case 90:
    case 100:
    case 103:
    case 110:
      return 227;
    default:
      return 99;
  }
}

std::string dotted(std::int32_t capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

std::string listed(std::span<const std::int32_t> values) {
  std::string text;
  for (std::size_t i = 0; i < values.size(); ++i) {
    text += i == 0 ? "" : i + 1 == values.size() ? " and " : ", ";
    text += std::to_string(values[i]);
  }
  return text;
}

// Empty where one device runs it at one head_dim, else what is in the way of the last of them.
std::string why_not_on(const CudaKernelRule& rule, const CudaMachine& machine) {
  std::string why_not = machine.why_not;
  for (const CudaDevice& device : machine.devices) {
    for (const std::int32_t head_dim : rule.head_dims) {
      why_not = why_not_kernel(rule, device.capability, {.head_dim = head_dim});
      if (why_not.empty()) {
        return why_not;
      }
    }
  }
  return why_not;
}

}  // namespace

std::span<const CudaKernelRule> cuda_kernel_rules() { return kRules; }

std::string why_not_kernel(const CudaKernelRule& rule, std::int32_t capability,
                           const CudaCall& call) {
  const std::string name(rule.name);
  if (call.dtype == Dtype::kF32) {
    return "dtype float32: the CUDA kernels take bfloat16 and float16";
  }
  if (std::ranges::find(rule.head_dims, call.head_dim) == rule.head_dims.end()) {
    return "head_dim " + std::to_string(call.head_dim) + ": the " + name + " CUDA kernel takes " +
           listed(rule.head_dims);
  }
  if (!(call.scale >= 0.0f)) {
    return "scale " + std::to_string(call.scale) + ": the CUDA kernels take none below 0";
  }
  if (capability < rule.first_capability || capability > rule.last_capability) {
    const bool one = rule.first_capability == rule.last_capability;
    return "the device has compute capability " + dotted(capability) + ", the " + name +
           " kernel is for " + dotted(rule.first_capability) + (one ? "" : " and newer");
  }
  if (call.head_dim == rule.bulk_head_dim && capability < kFirstWithBulkCopies) {
    return "the device has compute capability " + dotted(capability) + ", the " + name +
           " kernel is for " + dotted(kFirstWithBulkCopies) + " and newer at head_dim " +
           std::to_string(call.head_dim);
  }
  if (shared_kib_of(capability) < rule.shared_kib) {
    return "a block on a device of compute capability " + dotted(capability) + " has " +
           std::to_string(shared_kib_of(capability)) + " KiB of shared memory, the " + name +
           " kernel needs " + std::to_string(rule.shared_kib);
  }
  return {};
}

std::vector<CudaKernelFact> cuda_kernels(std::int32_t capability, const CudaCall& call) {
  std::vector<CudaKernelFact> facts;
  for (const CudaKernelRule& rule : kRules) {
    if (rule.precision != call.precision) {
      continue;
    }
    facts.push_back({.name = std::string(rule.name),
                     .version = rule.version,
                     .why_not = why_not_kernel(rule, capability, call)});
  }
  return facts;
}

std::vector<KernelFact> cuda_kernels_of(const CudaMachine& machine) {
  std::vector<KernelFact> facts;
  for (const CudaKernelRule& rule : kRules) {
    facts.push_back({std::string(rule.name), why_not_on(rule, machine)});
  }
  return facts;
}

std::string why_not_capability(std::int32_t capability) {
  const auto first = std::ranges::min_element(kRules, {}, &CudaKernelRule::first_capability);
  if (capability >= first->first_capability) {
    return {};
  }
  return "the device has compute capability " + dotted(capability) + "; the kernels are for " +
         dotted(first->first_capability) +
         " and newer (A100, RTX 30 and later), elsewhere plans run in plain PyTorch";
}

}  // namespace twill::kernels
