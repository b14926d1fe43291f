// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "lora_scales.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"

namespace twill::engine {
namespace {

using nlohmann::json;

constexpr const char* kField = "lora_adapter_metadata";
constexpr std::string_view kPrefix = "transformer.";
constexpr std::size_t kMostBytes = 4'000'000;
constexpr std::size_t kMostPatterns = 10'000;
constexpr std::size_t kMostShown = 60;  // bytes of a pattern in a message
constexpr double kMostAlpha = 1e9;
constexpr double kMostRank = 1e6;

// PEFT takes regular expressions; files of diffusers hold names.
bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

// The settings of the transformer.
class Settings {
 public:
  Settings(const json& all, const std::string& source) : all_(all), where_(source + ": " + kField) {
    require(all_.is_object(), ErrorCode::kFile, where_, " is not a JSON object");
    prefixed_ = std::ranges::any_of(
        all_.items(), [](const auto& item) { return item.key().starts_with(kPrefix); });
  }

  // Null where it is missing.
  const json& value(const std::string& name) const {
    static const json kNull;
    const auto found = all_.find(full(name));
    return found == all_.end() ? kNull : *found;
  }
  double number(const json& value, const std::string& name, double least, double most) const {
    require(value.is_number() && value >= least && value <= most, ErrorCode::kFile, where_, ": ",
            full(name), " is ", json_shown(value), ", not a number from ", least, " to ", most);
    return value.get<double>();
  }
  std::optional<double> number(const std::string& name, double least, double most) const {
    return value(name).is_null() ? std::nullopt
                                 : std::optional(number(value(name), name, least, most));
  }
  bool flag(const std::string& name) const {
    require(value(name).is_null() || value(name).is_boolean(), ErrorCode::kFile, where_, ": ",
            full(name), " is ", json_shown(value(name)), ", not true or false");
    return value(name) == true;
  }
  std::map<std::string, double> patterns(const std::string& name, double least, double most) const {
    std::map<std::string, double> found;
    const json& all = value(name);
    require(all.is_null() || (all.is_object() && all.size() <= kMostPatterns), ErrorCode::kFile,
            where_, ": ", full(name), " is not an object of at most ", kMostPatterns, " entries");
    for (const auto& [pattern, number_of] : all.items()) {
      const std::string shown = concat(name, "[\"", shortened(pattern, kMostShown), "\"]");
      require(is_name(pattern), ErrorCode::kUnsupported, where_, ": ", full(shown),
              " is a regular expression; names of modules are supported");
      found[pattern] = number(number_of, shown, least, most);
    }
    return found;
  }
  std::string place(const std::string& name) const { return concat(where_, ": ", full(name)); }

 private:
  std::string full(const std::string& name) const {
    return prefixed_ ? concat(kPrefix, name) : name;
  }

  const json& all_;
  std::string where_;
  bool prefixed_ = false;
};

}  // namespace

LoraScales::LoraScales(const std::map<std::string, std::string>& metadata,
                       const std::string& source) {
  const auto found = metadata.find(kField);
  if (found == metadata.end()) {
    return;
  }
  require(found->second.size() <= kMostBytes, ErrorCode::kFile, source, ": ", kField, " has ",
          found->second.size(), " bytes, more than ", kMostBytes);
  const json document = json_tree<json>(found->second, concat(source, ": ", kField));
  const Settings settings(document, source);
  require(!settings.flag("use_dora"), ErrorCode::kUnsupported, settings.place("use_dora"),
          " is true: DoRA is not merged; use a plain LoRA");
  alpha_ = settings.number("lora_alpha", -kMostAlpha, kMostAlpha);
  rank_ = settings.number("r", 1.0, kMostRank);
  alphas_ = settings.patterns("alpha_pattern", -kMostAlpha, kMostAlpha);
  ranks_ = settings.patterns("rank_pattern", 1.0, kMostRank);
  root_ = settings.flag("use_rslora");
  require(alpha_ || (alphas_.empty() && !rank_), ErrorCode::kFile, settings.place("lora_alpha"),
          " is missing");
}

double LoraScales::value_for(std::string_view module, const Patterns& patterns, double otherwise) {
  for (const auto& [pattern, value] : patterns) {
    if (module.ends_with(pattern) &&
        (module.size() == pattern.size() || module[module.size() - pattern.size() - 1] == '.')) {
      return value;
    }
  }
  return otherwise;
}

std::optional<double> LoraScales::scale_of(std::string_view module, std::int64_t rank,
                                           const std::string& place) const {
  if (!alpha_) {
    return std::nullopt;
  }
  const auto own = static_cast<double>(rank);
  const double stated = value_for(module, ranks_, rank_.value_or(own));
  require(stated == own, ErrorCode::kFile, place, " is of rank ", rank, ", but the header's ",
          kField, " says ", stated);
  return value_for(module, alphas_, *alpha_) / (root_ ? std::sqrt(own) : own);
}

}  // namespace twill::engine
