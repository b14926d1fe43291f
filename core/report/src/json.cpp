// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "json.h"

namespace twill::report {

json or_null(const std::optional<double>& value) { return value ? number(*value) : json(nullptr); }

json text_or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

std::uint64_t seed_from(const json& value) {
  return value.is_number_unsigned() ? value.get<std::uint64_t>()
                                    : static_cast<std::uint64_t>(value.get<std::int64_t>());
}

json to_json_value(const ClipTimes& times) {
  return {{"text_seconds", times.text},
          {"denoise_seconds", times.denoise},
          {"attention_seconds", times.attention},
          {"vae_seconds", times.vae}};
}

json to_json_value(const AttentionUse& use) {
  json fallbacks = json::object();
  for (const auto& [reason, calls] : use.fallbacks) {
    fallbacks[reason] = calls;
  }
  json value{{"sparse", use.sparse_calls},
             {"planned_dense", use.planned_dense_calls},
             {"fallbacks", fallbacks}};
  if (use.int8_heads > 0 || !use.not_int8.empty()) {
    value["int8"] = {
        {"heads", use.int8_heads}, {"of_heads", use.heads_with_keys}, {"as_bf16", use.not_int8}};
  }
  return value;
}

}  // namespace twill::report
