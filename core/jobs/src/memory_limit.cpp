// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "memory_limit.h"

#include <algorithm>

#include "twill/engine/memory_plan.h"
#include "twill/plan/error.h"

namespace twill::jobs {

namespace {

constexpr double kGib = 1024.0 * 1024.0 * 1024.0;

}  // namespace

std::optional<std::int64_t> memory_limit(std::optional<double> told_gib,
                                         const std::optional<engine::DeviceMemory>& memory) {
  if (!memory) {
    return std::nullopt;
  }
  if (told_gib) {
    return static_cast<std::int64_t>(*told_gib * kGib);
  }
  const auto margin =
      std::max<std::int64_t>(static_cast<std::int64_t>(0.75 * kGib), memory->total / 16);
  return std::max<std::int64_t>(memory->free - margin, 0);
}

std::optional<std::int64_t> host_memory_limit(std::optional<double> told_gib,
                                              std::optional<std::int64_t> free) {
  if (told_gib) {
    return static_cast<std::int64_t>(*told_gib * kGib);
  }
  if (!free) {
    return std::nullopt;
  }
  const auto margin = std::max<std::int64_t>(static_cast<std::int64_t>(2 * kGib), *free / 10);
  return std::max<std::int64_t>(*free - margin, 0);
}

void fail_out_of_memory(const std::string& stage, const std::optional<std::int64_t>& limit) {
  throw Error(ErrorCode::kSystem,
              concat(stage, ": the device has no memory left",
                     limit ? concat(" (the model was given ", engine::gib_text(*limit), ")") : "",
                     ": choose fewer frames, a smaller size or a smaller --vram, so that fewer "
                     "weights stay there; other programs that use the GPU take from it too"));
}

}  // namespace twill::jobs
