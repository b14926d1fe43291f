// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A value of a JSON tree that knows its path, so that every refusal can name it. Paths are built
// when needed only.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "twill/plan/error.h"
#include "twill/plan/names.h"

namespace twill {

class JsonValue {
 public:
  // The root. `file_name` and `value` outlive this object, as a parent outlives its children.
  JsonValue(const nlohmann::json& value, const std::string& file_name)
      : value_(&value), file_name_(&file_name) {}

  // "my.json: segments[1].heads"; the root is "my.json: ".
  std::string path() const;
  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw Error(ErrorCode::kFile, concat(path(), parent_ == nullptr ? "" : ": ", parts...));
  }

  // Objects.
  JsonValue at(std::string_view field) const;  // fails when there is none
  std::optional<JsonValue> find(std::string_view field) const;
  // Fails at the first field that is not one of `fields`.
  void check_fields(std::initializer_list<std::string_view> fields) const;
  void check_fields(const std::vector<std::string>& fields) const;
  void check_is_object() const;

  // Arrays.
  std::size_t size_up_to(std::size_t most) const;  // fails when it is no array, or longer
  JsonValue operator[](std::size_t index) const;

  bool is_object() const { return value_->is_object(); }
  bool as_bool() const;
  double as_number() const;
  std::int32_t as_int() const { return static_cast<std::int32_t>(as_whole(INT32_MIN, INT32_MAX)); }
  std::int64_t as_int64() const { return as_whole(INT64_MIN, INT64_MAX); }
  // 0..2^64-1; what earlier versions took below 0 is the seed that gives the same noise.
  std::uint64_t as_seed() const;
  const std::string& as_string() const;

  // What stands in the file, short enough for a message.
  std::string shown() const;
  const nlohmann::json& raw() const { return *value_; }

 private:
  JsonValue(const nlohmann::json& value, const JsonValue& parent, std::string_view field,
            std::size_t index)
      : value_(&value),
        file_name_(parent.file_name_),
        parent_(&parent),
        field_(field),
        index_(index) {}

  std::int64_t as_whole(std::int64_t least, std::int64_t most) const;
  [[noreturn]] void fail_type(std::string_view wanted) const;

  const nlohmann::json* value_;
  const std::string* file_name_;
  const JsonValue* parent_ = nullptr;
  std::string_view field_;  // of an object
  std::size_t index_ = 0;   // in an array
};

// The value of a table that has the name; `what` is the word for such values.
template <typename Value, std::size_t count>
Value read_named(const JsonValue& value, const NameTable<Value, count>& names,
                 std::string_view what) {
  const std::optional<Value> found = value_named(names, value.as_string());
  if (!found) {
    value.fail("unknown ", what, " ", value.shown());
  }
  return *found;
}

}  // namespace twill
