// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/search/kept_values.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"
#include "twill/plan/text_hash.h"
#include "twill/plan/whole_files.h"

namespace twill::search {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

constexpr std::uint64_t kMostBytes = 16u << 20;  // a key may hold a long prompt

json number_or_null(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

json value_of(const KeptValues& kept, const std::string& key) {
  const std::optional<std::string> text = kept.get(key);
  return text ? kept_json<json>(*text) : json(json::value_t::discarded);
}

}  // namespace

KeptValues::KeptValues(fs::path folder) : folder_(std::move(folder)) {}

fs::path KeptValues::file_of(const std::string& key) const {
  return folder_ / concat(hex(hash_text(key)), ".json");
}

std::optional<std::string> KeptValues::get(const std::string& key) const {
  const fs::path file = file_of(key);
  std::error_code code;
  if (!fs::exists(file, code)) {
    return std::nullopt;
  }
  try {
    const json stored = kept_json<json>(read_file(file, kMostBytes));
    // Two keys may have one hash.
    if (stored.is_object() && stored.contains("value") &&
        stored.value("key", json()) == json(valid_utf8(key))) {
      return json_dump(stored["value"]);
    }
  } catch (const Error&) {
    // Too large, not readable, or gone meanwhile.
  }
  return std::nullopt;
}

void KeptValues::put(const std::string& key, std::string_view value) const {
  std::error_code code;
  fs::create_directories(folder_, code);
  require(!code, ErrorCode::kSystem, folder_.string(), ": cannot be made: ", code.message());
  const json stored{{"key", valid_utf8(key)}, {"value", json_tree<json>(value, key)}};
  write_file(file_of(key), json_dump(stored, 1) + "\n");
}

std::optional<double> KeptValues::number(const std::string& key) const {
  const json value = value_of(*this, key);
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

std::optional<std::vector<double>> KeptValues::numbers(const std::string& key,
                                                       std::size_t count) const {
  const json value = value_of(*this, key);
  if (!value.is_array() || value.size() != count) {
    return std::nullopt;
  }
  std::vector<double> numbers;
  for (const json& each : value) {
    if (!each.is_number()) {
      return std::nullopt;
    }
    numbers.push_back(each.get<double>());
  }
  return numbers;
}

void KeptValues::put_number(const std::string& key, double value) const {
  put(key, json_dump(number_or_null(value)));
}

void KeptValues::put_numbers(const std::string& key, const std::vector<double>& values) const {
  json all = json::array();
  for (const double value : values) {
    all.push_back(number_or_null(value));
  }
  put(key, json_dump(all));
}

double KeptValues::number_or(const std::string& key, const std::function<double()>& measure) const {
  if (const std::optional<double> found = number(key)) {
    return *found;
  }
  const double measured = measure();
  put_number(key, measured);
  return measured;
}

std::optional<double> kept_psnr_db(const KeptValues& kept, const std::string& key) {
  const json value = value_of(kept, key);
  if (!value.is_object() || !value.contains("psnr_db")) {
    return std::nullopt;
  }
  const json& psnr_db = value["psnr_db"];
  if (psnr_db.is_null()) {
    return std::numeric_limits<double>::infinity();
  }
  return psnr_db.is_number() ? std::optional(psnr_db.get<double>()) : std::nullopt;
}

void keep_psnr_db(const KeptValues& kept, const std::string& key, double psnr_db) {
  kept.put(key, json_dump(json{{"psnr_db", number_or_null(psnr_db)}}));
}

std::optional<CostTable> kept_costs(const KeptValues& kept, const std::string& key,
                                    const TokenLayout& layout, std::size_t candidates) {
  const json value = value_of(kept, key);
  if (!value.is_object()) {
    return std::nullopt;
  }
  CostTable table{.layout = layout};
  for (const auto& [name, text] :
       {std::pair("device", &table.device), std::pair("kernel", &table.kernel)}) {
    if (!value.contains(name) || !value[name].is_string() || value[name] == "") {
      return std::nullopt;
    }
    *text = value[name].get<std::string>();
  }
  const json times = value.value("milliseconds", json::array());
  for (const json& each : times) {
    table.milliseconds.push_back(each.is_number() ? each.get<double>() : 0.0);
  }
  const bool whole = table.milliseconds.size() == candidates &&
                     std::all_of(table.milliseconds.begin(), table.milliseconds.end(),
                                 [](double each) { return std::isfinite(each) && each > 0.0; });
  return whole ? std::optional(std::move(table)) : std::nullopt;
}

void keep_costs(const KeptValues& kept, const std::string& key, const CostTable& table) {
  kept.put(key, json_dump(json{{"device", table.device},
                               {"kernel", table.kernel},
                               {"milliseconds", table.milliseconds}}));
}

void KeptSeconds::add(const std::string& unit, double seconds) {
  kept_.put_number(key_of(unit), seconds);
  here_[unit] = seconds;
}

void KeptSeconds::count(const std::string& unit) {
  if (here_.contains(unit)) {
    return;
  }
  if (const std::optional<double> kept = kept_.number(key_of(unit))) {
    elsewhere_[unit] = *kept;
  }
}

double KeptSeconds::elsewhere() const {
  double sum = 0.0;
  for (const auto& [unit, seconds] : elsewhere_) {
    sum += seconds;
  }
  return sum;
}

double KeptSeconds::total() const {
  double sum = elsewhere();
  for (const auto& [unit, seconds] : here_) {
    sum += seconds;
  }
  return sum;
}

std::string KeptSeconds::key_of(const std::string& unit) { return concat("seconds of ", unit); }

}  // namespace twill::search
