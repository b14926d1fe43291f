// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/report/search_record.h"

#include <cstdio>
#include <limits>

#include "report_values.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"

namespace twill::report {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t kMaxRecordBytes = 1u << 20;

}  // namespace

std::string describe(const SearchResult& result) {
  std::string kinds;
  for (const auto& [name, count] : result.heads) {
    kinds += concat(kinds.empty() ? "" : ", ", count, " ", name);
  }
  const std::string precision = twill::describe(result.precision);
  char density[16];
  std::snprintf(density, sizeof density, "%.3f", result.density);
  std::string tries;
  for (const TargetTry& tried : result.tries) {
    char line[96];
    std::snprintf(line, sizeof line, "tried density %.3f: %.2f %s%s\n", tried.density,
                  tried.speedup > 0.0 ? tried.speedup : tried.psnr_db,
                  tried.speedup > 0.0 ? "x" : "dB", tried.holds ? "" : ", too low");
    tries += line;
  }
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.1f", result.search_seconds);
  return concat(result.plan.string(), ": density ", density, ", ", result.segments, " segments, ",
                result.dense_first_steps, " dense first and ", result.dense_last_steps,
                " dense last steps\nheads of the widest sparse segment: ",
                kinds.empty() ? "all dense" : kinds, "\n",
                precision.empty() ? "" : precision + "\n", tries, seconds, " s\n");
}

std::string to_json(const SearchResult& result) {
  json heads = json::object();
  for (const auto& [name, count] : result.heads) {
    heads[name] = count;
  }
  json tries = json::array();
  for (const TargetTry& tried : result.tries) {
    tries.push_back({{"budget", tried.budget},
                     {"density", tried.density},
                     {"psnr_db", tried.speedup > 0.0 ? json() : number(tried.psnr_db)},
                     {"speedup", tried.speedup > 0.0 ? json(tried.speedup) : json()},
                     {"holds", tried.holds}});
  }
  json probes = json::array();
  for (const PredictedMeasured& probe : result.probes) {
    probes.push_back({{"name", probe.name},
                      {"predicted_error", probe.predicted},
                      {"clip_mse", probe.measured_mse}});
  }
  return json_dump(json{{"plan", result.plan.string()},
                        {"density", result.density},
                        {"attention_share", result.attention_share},
                        {"predicted_error", result.predicted_error},
                        {"heads", heads},
                        {"int8_heads", result.precision.int8},
                        {"heads_with_keys", result.precision.with_keys},
                        {"segments", result.segments},
                        {"dense_first_steps", result.dense_first_steps},
                        {"dense_last_steps", result.dense_last_steps},
                        {"search_seconds", result.search_seconds},
                        {"clips_seconds", result.clips_seconds},
                        {"target_seconds", result.target_seconds},
                        {"tries", tries},
                        {"probes", probes},
                        {"profiling_share",
                         result.profiling_share ? json(*result.profiling_share) : json()},
                        {"measured_on", text_or_null(result.measured_on)}},
                   2) +
         "\n";
}

fs::path search_record_file(const fs::path& plan) {
  return fs::path(plan).replace_extension(".search.json");
}

std::optional<double> read_search_seconds(const fs::path& plan) {
  const fs::path file = search_record_file(plan);
  std::error_code code;
  if (!fs::is_regular_file(file, code)) {
    return std::nullopt;
  }
  const json record = kept_json<json>(read_text(file, 1 << 20));
  if (!record.is_object() || !record.contains("search_seconds") ||
      !record["search_seconds"].is_number()) {
    return std::nullopt;
  }
  return record["search_seconds"].get<double>();
}

std::vector<PredictedMeasured> read_probes(const fs::path& plan) {
  const fs::path file = search_record_file(plan);
  std::error_code code;
  std::vector<PredictedMeasured> probes;
  if (!fs::is_regular_file(file, code)) {
    return probes;
  }
  const json document = json_tree<json>(read_text(file, kMaxRecordBytes), file.string());
  const Value value(document, file.string() + ":");
  if (!value.has("probes")) {
    return probes;
  }
  constexpr std::size_t kMostProbes = 4096;
  constexpr double kMost = std::numeric_limits<double>::max();
  for (const Value& probe : value.at("probes").list(kMostProbes)) {
    probes.push_back({.name = probe.at("name").text(),
                      .predicted = probe.at("predicted_error").number(0.0, kMost),
                      .measured_mse = probe.at("clip_mse").number(0.0, kMost)});
  }
  return probes;
}

}  // namespace twill::report
