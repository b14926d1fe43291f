// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "kept_values.h"

#include <utility>

#include "twill/plan/json_tree.h"

namespace twill::jobs {

std::optional<json> KeptValues::get(const std::string& key) const {
  const std::optional<std::string> text = search::KeptValues::get(key);
  return text ? std::optional<json>(std::in_place, kept_json<json>(*text)) : std::nullopt;
}

void KeptValues::put(const std::string& key, const json& value) const {
  search::KeptValues::put(key, json_dump(value));
}

}  // namespace twill::jobs
