// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "kept_values.h"

#include <cstdint>
#include <utility>

#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"
#include "twill/plan/text_hash.h"
#include "twill/plan/whole_files.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostBytes = 16u << 20;  // a key may hold a long prompt

}  // namespace

KeptValues::KeptValues(fs::path folder) : folder_(std::move(folder)) {}

fs::path KeptValues::file_of(const std::string& key) const {
  return folder_ / concat(hex(hash_text(key)), ".json");
}

std::optional<json> KeptValues::get(const std::string& key) const {
  const fs::path file = file_of(key);
  std::error_code code;
  if (!fs::exists(file, code)) {
    return std::nullopt;
  }
  try {
    const json stored = kept_json<json>(read_file(file, kMostBytes));
    // Two keys may have one hash.
    const bool whole = stored.is_object() && stored.contains("value") &&
                       stored.value("key", json()) == json(valid_utf8(key));
    if (whole) {
      return std::optional<json>(std::in_place, stored["value"]);
    }
  } catch (const Error&) {
    // Too large, not readable, or gone meanwhile.
  }
  return std::nullopt;
}

void KeptValues::put(const std::string& key, const json& value) const {
  std::error_code code;
  fs::create_directories(folder_, code);
  require(!code, ErrorCode::kSystem, folder_.string(), ": cannot be made: ", code.message());
  write_file(file_of(key), json_dump(json{{"key", valid_utf8(key)}, {"value", value}}, 1) + "\n");
}

double KeptValues::number_or(const std::string& key, const std::function<double()>& measure) const {
  if (const std::optional<json> found = get(key); found && found->is_number()) {
    return found->get<double>();
  }
  const double measured = measure();
  put(key, number(measured));
  return measured;
}

}  // namespace twill::jobs
