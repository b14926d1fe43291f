// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "json_value.h"

#include <algorithm>
#include <cmath>

#include "shortest.h"
#include "twill/plan/text.h"

namespace twill {
namespace {

using nlohmann::json;

std::string shown_value(const json& value) {
  constexpr std::size_t kMostShown = 40;
  switch (value.type()) {
    case json::value_t::object:
      return "an object";
    case json::value_t::array:
      return "an array";
    case json::value_t::number_float:
      return shortest(value.get<double>());
    default:
      break;
  }
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  const bool cut = text.size() > kMostShown;
  return shortened(text, kMostShown) + (cut && value.is_string() ? "\"" : "");
}

}  // namespace

std::string JsonValue::path() const {
  if (parent_ == nullptr) {
    return *file_name_ + ": ";
  }
  const std::string before = parent_->path();
  if (parent_->value_->is_array()) {
    return concat(before, "[", index_, "]");
  }
  return concat(before, parent_->parent_ == nullptr ? "" : ".", field_);
}

std::string JsonValue::shown() const { return shown_value(*value_); }

void JsonValue::fail_type(std::string_view wanted) const { fail(shown(), " is not ", wanted); }

void JsonValue::check_is_object() const {
  if (!value_->is_object()) {
    fail_type("an object");
  }
}

JsonValue JsonValue::at(std::string_view field) const {
  std::optional<JsonValue> found = find(field);
  if (!found) {
    fail("field \"", field, "\" is missing");
  }
  return *found;
}

std::optional<JsonValue> JsonValue::find(std::string_view field) const {
  check_is_object();
  const auto found = value_->find(field);
  if (found == value_->end()) {
    return std::nullopt;
  }
  return JsonValue(*found, *this, found.key(), 0);
}

void JsonValue::check_fields(std::initializer_list<std::string_view> fields) const {
  check_fields(std::vector<std::string>(fields.begin(), fields.end()));
}

void JsonValue::check_fields(const std::vector<std::string>& fields) const {
  check_is_object();
  for (const auto& entry : value_->items()) {
    if (std::find(fields.begin(), fields.end(), entry.key()) == fields.end()) {
      fail("unknown field ", shown_value(entry.key()));
    }
  }
}

std::size_t JsonValue::size_up_to(std::size_t most) const {
  if (!value_->is_array()) {
    fail_type("an array");
  }
  if (value_->size() > most) {
    fail(value_->size(), " entries are more than ", most);
  }
  return value_->size();
}

JsonValue JsonValue::operator[](std::size_t index) const {
  return {(*value_)[index], *this, {}, index};
}

bool JsonValue::as_bool() const {
  if (!value_->is_boolean()) {
    fail_type("true or false");
  }
  return value_->get<bool>();
}

double JsonValue::as_number() const {
  if (!value_->is_number()) {
    fail_type("a number");
  }
  return value_->get<double>();
}

// 2.0 is a whole number, as it is to JSON Schema.
std::int64_t JsonValue::as_whole(std::int64_t least, std::int64_t most) const {
  constexpr double kExact =
      9007199254740992.0;  // 2^53: above it not every whole number is a double
  std::int64_t whole = 0;
  if (value_->is_number_unsigned()) {
    if (value_->get<std::uint64_t>() > static_cast<std::uint64_t>(most)) {
      fail(shown(), " is more than ", most);
    }
    whole = value_->get<std::int64_t>();
  } else if (value_->is_number_integer()) {
    whole = value_->get<std::int64_t>();
  } else {
    const double number = value_->is_number_float() ? value_->get<double>() : NAN;
    if (!(std::abs(number) <= kExact) || number != std::floor(number)) {
      fail_type("a whole number");
    }
    whole = static_cast<std::int64_t>(number);
  }
  if (whole < least || whole > most) {
    fail(whole, whole < least ? " is less than " : " is more than ", whole < least ? least : most);
  }
  return whole;
}

std::uint64_t JsonValue::as_seed() const {
  return value_->is_number_unsigned() ? value_->get<std::uint64_t>()
                                      : static_cast<std::uint64_t>(as_int64());
}

const std::string& JsonValue::as_string() const {
  if (!value_->is_string()) {
    fail_type("a text");
  }
  return value_->get_ref<const std::string&>();
}

}  // namespace twill
