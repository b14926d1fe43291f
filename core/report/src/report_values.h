// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Reads JSON that evaluations and searches left, field by field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "json.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"

namespace twill::report {

// A value with the file and path that it stands at.
class Value {
 public:
  Value(const json& value, std::string where) : value_(value), where_(std::move(where)) {}

  bool has(const char* field) const { return value_.contains(field) && !value_[field].is_null(); }
  Value at(const char* field) const {
    require(value_.is_object(), ErrorCode::kFile, where_, " is no object");
    require(value_.contains(field), ErrorCode::kFile, where_, ": \"", field, "\" is missing");
    return {value_[field], concat(where_, where_.back() == ':' ? " " : ".", field)};
  }
  std::vector<Value> list(std::size_t most) const {
    require(value_.is_array() && value_.size() <= most, ErrorCode::kFile, where_, " is no list of ",
            "at most ", most, " entries");
    std::vector<Value> entries;
    for (std::size_t i = 0; i < value_.size(); ++i) {
      entries.emplace_back(value_[i], concat(where_, "[", i, "]"));
    }
    return entries;
  }
  std::string text() const {
    require(value_.is_string(), ErrorCode::kFile, where_, ": ", shown(), " is no text");
    return value_.get<std::string>();
  }
  double number(double low, double high) const {
    require(value_.is_number() && value_.get<double>() >= low && value_.get<double>() <= high,
            ErrorCode::kFile, where_, ": ", shown(), " is no number in ", low, "..", high);
    return value_.get<double>();
  }
  // Equal clips have null; "inf" in earlier versions.
  double decibels() const {
    if (value_.is_null() || value_ == "inf") {
      return std::numeric_limits<double>::infinity();
    }
    return number(-1e3, 1e3);
  }
  template <typename Integer>
  Integer integer(double low, double high) const {
    require(value_.is_number_integer(), ErrorCode::kFile, where_, ": ", shown(),
            " is no whole number");
    return static_cast<Integer>(number(low, high));
  }
  // Exact: a double holds 53 bits of the 64.
  std::uint64_t seed() const {
    require(value_.is_number_integer(), ErrorCode::kFile, where_, ": ", shown(),
            " is no whole number in 0..", std::numeric_limits<std::uint64_t>::max());
    return seed_from(value_);
  }
  bool flag() const {
    require(value_.is_boolean(), ErrorCode::kFile, where_, ": ", shown(), " is not true or false");
    return value_.get<bool>();
  }
  const json& raw() const { return value_; }

 private:
  std::string shown() const { return json_shown(value_); }

  const json& value_;
  std::string where_;
};

}  // namespace twill::report
