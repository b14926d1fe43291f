// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/free_memory.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace twill::jobs {
namespace {

// The number behind the word `key`, or the first word where it is empty.
std::optional<std::int64_t> number_after(const std::filesystem::path& file,
                                         const std::string& key) {
  std::ifstream stream(file);
  std::string word;
  while (!key.empty() && stream >> word && word != key) {
  }
  std::int64_t number = 0;
  return stream >> number ? std::optional(number) : std::nullopt;
}

}  // namespace

std::optional<std::int64_t> free_memory_of_group(const std::filesystem::path& group) {
  const std::optional<std::int64_t> most = number_after(group / "memory.max", "");
  const std::optional<std::int64_t> taken = number_after(group / "memory.current", "");
  if (!most || !taken) {
    return std::nullopt;
  }
  // Pages of files that nothing uses go before anything else does.
  const std::int64_t of_files = number_after(group / "memory.stat", "inactive_file").value_or(0);
  return std::max<std::int64_t>(*most - *taken + of_files, 0);
}

std::optional<std::int64_t> free_memory_bytes() {
  const std::optional<std::int64_t> of_machine = number_after("/proc/meminfo", "MemAvailable:");
  const std::optional<std::int64_t> of_group = free_memory_of_group("/sys/fs/cgroup");
  if (of_machine && of_group) {
    return std::min(*of_machine * 1024, *of_group);
  }
  return of_machine ? std::optional(*of_machine * 1024) : std::nullopt;
}

}  // namespace twill::jobs
