// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "cost_cache.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "files.h"
#include "json.h"
#include "solving.h"
#include "twill/kernels/attention.h"
#include "twill/plan/error.h"
#include "twill/plan/whole_files.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxBytes = 1u << 20;

std::string key_of(const Profile& profile, const std::string& device, const std::string& dtype,
                   int threads) {
  const TokenLayout& layout = profile.layout;
  std::string key = concat(
      device, "\n", dtype, "\n", threads, " threads\n", cpu_kernel_name(), "\n", layout.frames, "x",
      layout.rows, "x", layout.cols, " after ", layout.prefix, " before ", layout.suffix, "\n",
      profile.model.stacks.front().heads, " heads of ", profile.model.head_dim);
  for (const Pattern& pattern : profile.candidates) {
    key += concat("\n", describe(pattern));
  }
  return key;
}

// What a file holds, when it is of `key` and whole.
std::vector<double> kept(const fs::path& file, const std::string& key, std::size_t candidates) {
  std::error_code code;
  const std::uintmax_t bytes = fs::file_size(file, code);
  std::ifstream stream(file);
  if (code || bytes > kMaxBytes || !stream) {
    return {};
  }
  const json stored = json::parse(stream, nullptr, false);
  if (!stored.is_object() || stored.value("key", json()) != json(key) ||
      !stored.contains("milliseconds") || !stored["milliseconds"].is_array()) {
    return {};
  }
  std::vector<double> milliseconds;
  for (const json& value : stored["milliseconds"]) {
    milliseconds.push_back(value.is_number() ? value.get<double>() : 0.0);
  }
  const bool whole = milliseconds.size() == candidates &&
                     std::all_of(milliseconds.begin(), milliseconds.end(),
                                 [](double value) { return std::isfinite(value) && value > 0.0; });
  return whole ? milliseconds : std::vector<double>();
}

}  // namespace

fs::path cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return fs::path(value == nullptr ? "" : value);
  };
  if (const fs::path cache = variable("XDG_CACHE_HOME"); cache.is_absolute()) {
    return cache / "twill";
  }
  const fs::path home = variable("HOME");
  return home.is_absolute() ? home / ".cache" / "twill" : fs::path();
}

CostTable costs_here(const Profile& profile, const std::string& device, const std::string& dtype,
                     int threads, const JobControl& control) {
  const fs::path folder = cache_folder();
  const std::string key = key_of(profile, device, dtype, threads);
  const fs::path file = folder / concat("costs-", hex(hash_text(key)), ".json");
  if (!folder.empty()) {
    std::vector<double> found = kept(file, key, profile.candidates.size());
    if (!found.empty()) {
      return {.device = concat(device, ", ", dtype),
              .kernel = cpu_kernel_name(),
              .layout = profile.layout,
              .milliseconds = std::move(found)};
    }
  }
  CostTable table = measure_costs(profile, device, dtype, threads, control);
  if (!folder.empty()) {
    try {
      std::error_code code;
      fs::create_directories(folder, code);
      write_file(file, json{{"key", key}, {"milliseconds", table.milliseconds}}.dump(1));
    } catch (const Error&) {
      // Nothing can be kept there; the next search measures again.
    }
  }
  return table;
}

}  // namespace twill::jobs
