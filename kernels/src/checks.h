// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What every kernel demands of its parameters before it touches memory.
#pragma once

#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <type_traits>

#include "twill/kernels/attention.h"
#include "twill/kernels/status.h"

namespace twill::kernels {

template <typename... Parts>
Status refuse(const Parts&... parts) {
  const auto text = [](const auto& part) -> std::string {
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(part)>>) {
      return std::to_string(part);
    } else {
      return std::string(part);
    }
  };
  return Status::failure((text(parts) + ...));
}

// call(), which may run out of memory: no exception leaves this folder.
template <typename Call>
Status run_guarded(const Call& call) {
  try {
    call();
  } catch (const std::bad_alloc&) {
    return Status::failure("out of memory for the packed keys and values");
  }
  return {};
}

// Sizes that the CPU kernels run: head_dim a multiple of 16 up to 256.
Status check_shape(const AttentionTensors& shape);
// Every task names a list that exists and whose tables are whole: sorted runs inside the token
// range, positions that are tokens.
Status check_tasks(std::span<const HeadTask> tasks, std::span<const TileListView> lists,
                   std::int32_t tokens);

}  // namespace twill::kernels
