// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "search_record.h"

#include <nlohmann/json.hpp>

#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"

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
  const nlohmann::json record = kept_json<nlohmann::json>(read_text(file, 1 << 20));
  if (!record.is_object() || !record.contains("search_seconds") ||
      !record["search_seconds"].is_number()) {
    return std::nullopt;
  }
  return record["search_seconds"].get<double>();
}

}  // namespace twill::jobs
