// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What host memory there is left.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace twill::jobs {

// Bytes that this machine could still give to a process, or the container that it runs in; empty
// where neither says.
std::optional<std::int64_t> free_memory_bytes();

// Of a control group's folder (cgroup v2: memory.max, memory.current, memory.stat), which is how
// containers are given less than the machine has; empty where there is no limit.
std::optional<std::int64_t> free_memory_of_group(const std::filesystem::path& group);

}  // namespace twill::jobs
