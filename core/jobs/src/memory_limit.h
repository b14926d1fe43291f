// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// How much of a GPU's memory a run may take, and what is said when that is too little.
#pragma once

#include <c10/util/Exception.h>

#include <cstdint>
#include <optional>
#include <string>

#include "twill/engine/device.h"

namespace twill::jobs {

// Bytes for networks and a step: as told, else what is free less a margin for what no estimate
// counts (libraries, fragments of the allocator). Empty without a GPU.
std::optional<std::int64_t> memory_limit(std::optional<double> told_gib,
                                         const std::optional<engine::DeviceMemory>& memory);

// Bytes of host memory for layers that do not stay on the GPU: as told, else what is free less a
// margin for the clip, its pictures and other programs. Empty where what is free is not known.
std::optional<std::int64_t> host_memory_limit(std::optional<double> told_gib,
                                              std::optional<std::int64_t> free);

// Error(kSystem) saying what ran out while `stage` was made, and what to change.
[[noreturn]] void fail_out_of_memory(const std::string& stage,
                                     const std::optional<std::int64_t>& limit);

// What call() gives; a device without memory is a sentence.
template <typename Call>
auto with_memory(const std::string& stage, const std::optional<std::int64_t>& limit,
                 const Call& call) {
  try {
    return call();
  } catch (const c10::OutOfMemoryError&) {
    fail_out_of_memory(stage, limit);
  }
}

}  // namespace twill::jobs
