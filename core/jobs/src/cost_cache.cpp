// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "cost_cache.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "cost_table.h"
#include "json.h"
#include "kept_values.h"
#include "twill/kernels/attention.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

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

// As kept; empty where that is no table of so many candidates.
std::vector<double> milliseconds_in(const std::optional<json>& kept, std::size_t candidates) {
  std::vector<double> milliseconds;
  if (kept && kept->is_array()) {
    for (const json& value : *kept) {
      milliseconds.push_back(value.is_number() ? value.get<double>() : 0.0);
    }
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
  const std::string key = concat("costs on ", key_of(profile, device, dtype, threads));
  const KeptValues values(folder / "costs");
  if (!folder.empty()) {
    std::vector<double> found = milliseconds_in(values.get(key), profile.candidates.size());
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
      values.put(key, table.milliseconds);
    } catch (const Error&) {
      // Nothing can be kept there; the next search measures again.
    }
  }
  return table;
}

}  // namespace twill::jobs
