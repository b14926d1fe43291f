// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "checked_json.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"

namespace twill {
namespace {

using nlohmann::json;

constexpr std::size_t kMostDepth = 16;        // a plan needs 9
constexpr std::size_t kMostValues = 1 << 21;  // 8 segments of Hunyuan's 1,440 heads are 11,520
constexpr std::size_t kMostKeyBytes = 256;

class CheckedBuilder final : public nlohmann::json_sax<json> {
 public:
  CheckedBuilder(std::string_view text, const std::string& file_name)
      : text_(text), file_name_(file_name) {}

  json take() { return std::move(root_); }

  bool null() override { return add(nullptr) != nullptr; }
  bool boolean(bool value) override { return add(value) != nullptr; }
  bool number_integer(number_integer_t value) override { return add(value) != nullptr; }
  bool number_unsigned(number_unsigned_t value) override { return add(value) != nullptr; }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    return add(value) != nullptr;
  }
  bool string(string_t& value) override { return add(std::move(value)) != nullptr; }
  bool binary(binary_t& /*value*/) override { return false; }

  bool start_object(std::size_t /*size*/) override { return open(json::object()); }
  bool start_array(std::size_t /*size*/) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    require(name.size() <= kMostKeyBytes, ErrorCode::kFile, file_name_, ": ", path(),
            "a field's name has ", name.size(), " bytes, more than ", kMostKeyBytes);
    require(!open_.back()->contains(name), ErrorCode::kFile, file_name_, ": ", path(), "field \"",
            printable(name), "\" is there twice");
    keys_.back() = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const json::exception& error) override {
    fail_json(text_, file_name_, position, error.what());
  }

 private:
  template <typename Value>
  json* add(Value&& value) {
    require(++values_ <= kMostValues, ErrorCode::kFile, file_name_, ": more than ", kMostValues,
            " values");
    if (open_.empty()) {
      root_ = std::forward<Value>(value);
      return &root_;
    }
    json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::forward<Value>(value));
      return &parent.back();
    }
    json& member = parent[keys_.back()];
    member = std::forward<Value>(value);
    return &member;
  }

  bool open(json container) {
    require(open_.size() < kMostDepth, ErrorCode::kFile, file_name_, ": ", path(),
            "nested deeper than ", kMostDepth);
    open_.push_back(add(std::move(container)));
    keys_.emplace_back();
    return true;
  }

  bool close() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }

  // "segments[1].heads: ", or nothing at the root.
  std::string path() const {
    std::string text;
    for (std::size_t i = 0; i + 1 < open_.size(); ++i) {
      text += open_[i]->is_array() ? concat("[", open_[i]->size() - 1, "]")
                                   : concat(text.empty() ? "" : ".", keys_[i]);
    }
    return text.empty() ? text : printable(text) + ": ";
  }

  static std::string printable(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
    return text;
  }

  std::string_view text_;
  const std::string& file_name_;
  json root_;
  std::vector<json*> open_;        // containers from the root inwards
  std::vector<std::string> keys_;  // the field being read in each of them
  std::size_t values_ = 0;
};

}  // namespace

json parse_checked_json(std::string_view text, const std::string& file_name) {
  CheckedBuilder builder(text, file_name);
  try {
    require(json::sax_parse(text.begin(), text.end(), &builder), ErrorCode::kFile, file_name,
            ": not JSON");
  } catch (const json::exception& error) {
    throw Error(ErrorCode::kFile, concat(file_name, ": not JSON: ", error.what()));
  }
  return builder.take();
}

}  // namespace twill
