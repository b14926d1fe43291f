// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// JSON text of any value of nlohmann/json, which those who call this include themselves.
#pragma once

#include <string>

#include "twill/plan/text.h"

namespace twill {

// `value` with every text and key valid, see valid_utf8().
template <typename Json>
Json with_valid_texts(const Json& value) {
  if (value.is_string()) {
    return valid_utf8(value.template get_ref<const std::string&>());
  }
  if (value.is_object()) {
    Json object = Json::object();
    for (const auto& [key, member] : value.items()) {
      object[valid_utf8(key)] = with_valid_texts(member);
    }
    return object;
  }
  if (value.is_array()) {
    Json array = Json::array();
    for (const auto& member : value) {
      array.push_back(with_valid_texts(member));
    }
    return array;
  }
  return value;
}

// As value.dump(indent), which throws at texts that are not UTF-8; this does not.
template <typename Json>
std::string json_dump(const Json& value, int indent = -1) {
  try {
    return value.dump(indent);
  } catch (const typename Json::type_error&) {
    return with_valid_texts(value).dump(indent);
  }
}

}  // namespace twill
