// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "search_record.h"

#include <nlohmann/json.hpp>

#include "twill/plan/whole_files.h"

namespace twill::jobs {

namespace fs = std::filesystem;

fs::path search_record_file(const fs::path& plan) {
  return fs::path(plan).replace_extension(".search.json");
}

std::optional<double> read_search_seconds(const fs::path& plan) {
  const fs::path file = search_record_file(plan);
  std::error_code code;
  if (!fs::is_regular_file(file, code)) {
    return std::nullopt;
  }
  const nlohmann::json record = nlohmann::json::parse(read_file(file, 1 << 20), nullptr, false);
  if (!record.is_object() || !record.contains("search_seconds") ||
      !record["search_seconds"].is_number()) {
    return std::nullopt;
  }
  return record["search_seconds"].get<double>();
}

std::int32_t shown_segment(const Plan& plan) {
  std::int32_t best = 0;
  double width = 0.0;
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const Segment& segment = plan.segments[i];
    if (!segment.dense && segment.t_end - segment.t_begin > width) {
      width = segment.t_end - segment.t_begin;
      best = static_cast<std::int32_t>(i);
    }
  }
  return best;
}

}  // namespace twill::jobs
