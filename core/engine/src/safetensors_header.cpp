// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "safetensors_header.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "foreign_file.h"
#include "in_quotes.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<std::string_view, at::ScalarType>, 19> kDtypes{{
    {"F64", at::kDouble},
    {"F32", at::kFloat},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"F8_E4M3", at::kFloat8_e4m3fn},
    {"F8_E5M2", at::kFloat8_e5m2},
    {"I64", at::kLong},
    {"I32", at::kInt},
    {"I16", at::kShort},
    {"I8", at::kChar},
    {"U8", at::kByte},
    {"BOOL", at::kBool},
    {"C64", at::kComplexFloat},
    {"U16", at::kUInt16},
    {"U32", at::kUInt32},
    {"U64", at::kUInt64},
    {"F8_E8M0", at::kFloat8_e8m0fnu},
    {"F8_E4M3FNUZ", at::kFloat8_e4m3fnuz},
    {"F8_E5M2FNUZ", at::kFloat8_e5m2fnuz},
}};

// Follows the parser event by event: the file's shape is fixed, so there is no document to build
// and any depth, type or name that does not belong ends the reading at once.
class HeaderReader final : public nlohmann::json_sax<json> {
 public:
  HeaderReader(std::string file, SafetensorsHeader& header)
      : file_(std::move(file)), header_(header) {}

  bool start_object(std::size_t) override {
    ++depth_;
    if (depth_ == 1) {
      return true;
    }
    check(depth_ == 2, where(), " is an object, not a field of a tensor");
    fields_.clear();
    entry_ = {};
    return true;
  }

  bool key(std::string& name) override {
    if (depth_ == 1) {
      name_ = name;
      in_metadata_ = name == "__metadata__";
      check(names_.insert(name).second, "tensor ", in_quotes(name), " stands in the header twice");
      check(names_.size() <= kMostTensors, "more than ", kMostTensors, " tensors");
      return true;
    }
    field_ = name;
    check(fields_.insert(name).second, where(), " stands there twice");
    check(in_metadata_ || name == "dtype" || name == "shape" || name == "data_offsets", "tensor ",
          in_quotes(name_), ": unknown field ", in_quotes(name));
    return true;
  }

  bool end_object() override {
    if (depth_ == 2 && !in_metadata_) {
      for (const char* field : {"dtype", "shape", "data_offsets"}) {
        check(fields_.contains(field), "tensor ", in_quotes(name_), " has no ", field);
      }
      check(offsets_.size() == 2, "tensor ", in_quotes(name_), ": data_offsets has ",
            offsets_.size(), " numbers, not 2");
      entry_.begin = offsets_[0];
      entry_.end = offsets_[1];
      header_.tensors.emplace(name_, std::move(entry_));
    }
    --depth_;
    return true;
  }

  bool start_array(std::size_t) override {
    check(depth_ == 2 && !in_metadata_ && !in_array_ && field_ != "dtype", where(), " is an array");
    in_array_ = true;
    (field_ == "shape" ? entry_.shape.clear() : offsets_.clear());
    return true;
  }

  bool end_array() override {
    in_array_ = false;
    return true;
  }

  bool string(std::string& text) override {
    check(depth_ == 2 && !in_array_, where(), " is the text ", in_quotes(text));
    if (in_metadata_) {
      header_.metadata.emplace(field_, text);
      return true;
    }
    check(field_ == "dtype", where(), " is the text ", in_quotes(text));
    const auto* const row = std::ranges::find(kDtypes, text, &decltype(kDtypes)::value_type::first);
    check(row != kDtypes.end(), "tensor ", in_quotes(name_), ": unknown dtype ", in_quotes(text));
    entry_.dtype_name = text;
    entry_.dtype = row->second;
    return true;
  }

  bool number_unsigned(std::uint64_t value) override {
    check(depth_ == 2 && in_array_, where(), " is the number ", value);
    if (field_ == "shape") {
      check(entry_.shape.size() < kMostAxes, where(), " has more than ", kMostAxes, " axes");
      check(value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()), where(),
            ": ", value, " is too large");
      entry_.shape.push_back(static_cast<std::int64_t>(value));
    } else {
      check(offsets_.size() < 2, where(), " has more than 2 numbers");
      offsets_.push_back(value);
    }
    return true;
  }

  bool number_integer(std::int64_t value) override { return refuse(value); }
  bool number_float(double, const std::string& text) override { return refuse(text); }
  bool boolean(bool value) override { return refuse(value ? "true" : "false"); }
  bool null() override { return refuse("null"); }
  bool binary(json::binary_t&) override { return refuse("binary"); }

  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    throw Error(ErrorCode::kFile, concat(file_, ": the header is not JSON at byte ",
                                         position + sizeof(std::uint64_t)));
  }

 private:
  template <typename... Parts>
  void check(bool condition, const Parts&... parts) const {
    if (!condition) {
      throw Error(ErrorCode::kFile, concat(file_, ": ", parts...));
    }
  }

  template <typename Value>
  bool refuse(const Value& value) {
    check(false, where(), " is ", value);
    return false;
  }

  std::string where() const {
    if (depth_ == 0) {
      return "the header";
    }
    if (depth_ == 1 || name_.empty()) {
      return "entry " + in_quotes(name_);
    }
    return concat(in_metadata_ ? "" : "tensor ", in_quotes(name_), ": ", in_quotes(field_));
  }

  std::string file_;
  SafetensorsHeader& header_;
  int depth_ = 0;
  bool in_metadata_ = false;
  bool in_array_ = false;
  std::string name_;
  std::string field_;
  std::set<std::string> names_;
  std::set<std::string> fields_;
  std::vector<std::uint64_t> offsets_;
  TensorEntry entry_;
};

// Bytes of a tensor, or nothing when the product does not fit.
std::optional<std::uint64_t> byte_count(const TensorEntry& entry) {
  std::uint64_t bytes = c10::elementSize(entry.dtype);
  for (const std::int64_t size : entry.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes)) {
      return std::nullopt;
    }
  }
  return bytes;
}

void check_offsets(const SafetensorsHeader& header, std::uint64_t file_bytes,
                   const std::string& file) {
  const std::uint64_t data_bytes = file_bytes - header.data_begin;
  std::vector<std::pair<std::uint64_t, const std::string*>> order;
  for (const auto& tensor : header.tensors) {
    const std::string& name = tensor.first;  // Clang 14 lets no lambda take a structured binding
    const TensorEntry& entry = tensor.second;
    const auto fail = [&](const auto&... parts) {
      throw Error(ErrorCode::kFile, concat(file, ": tensor ", in_quotes(name), parts...));
    };
    if (entry.begin > entry.end) {
      fail(" begins at byte ", entry.begin, " and ends at ", entry.end);
    }
    if (entry.end > data_bytes) {
      fail(" ends at byte ", entry.end, " of the data, but the file has ", data_bytes,
           " of them: truncated?");
    }
    const std::optional<std::uint64_t> wanted = byte_count(entry);
    if (!wanted || *wanted != entry.end - entry.begin) {
      fail(" of dtype ", entry.dtype_name, " and shape ", at::IntArrayRef(entry.shape), " takes ",
           entry.end - entry.begin, " bytes, not ",
           wanted ? std::to_string(*wanted) : "more than 2^64");
    }
    if (entry.begin != entry.end) {
      order.emplace_back(entry.begin, &name);
    }
  }
  std::sort(order.begin(), order.end());
  for (std::size_t i = 1; i < order.size(); ++i) {
    require(header.tensors.at(*order[i - 1].second).end <= order[i].first, ErrorCode::kFile, file,
            ": tensors ", in_quotes(*order[i - 1].second), " and ", in_quotes(*order[i].second),
            " overlap at byte ", order[i].first, " of the data");
  }
}

}  // namespace

std::string_view safetensors_dtype_name(at::ScalarType dtype) {
  for (const auto& [name, value] : kDtypes) {
    if (value == dtype) {
      return name;
    }
  }
  return {};
}

std::uint64_t safetensors_header_bytes(std::string_view front, const std::string& file,
                                       std::uint64_t file_bytes) {
  constexpr std::size_t kLengthBytes = sizeof(std::uint64_t);
  const auto check = [&](bool good, const auto&... parts) {
    if (!good) {
      const std::string_view foreign = foreign_file(front);
      throw Error(ErrorCode::kFile,
                  foreign.empty() ? concat(file, ": ", parts...) : concat(file, ": is ", foreign));
    }
  };
  check(front.size() >= kLengthBytes, file_bytes, " bytes are too few for a safetensors file");
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length |= std::uint64_t{static_cast<unsigned char>(front[i])} << (8 * i);
  }
  check(length <= kMostHeaderBytes, "a header of ", length, " bytes is over the limit of ",
        kMostHeaderBytes, ": not a safetensors file?");
  check(length <= file_bytes - kLengthBytes, "a header of ", length,
        " bytes does not fit a file of ", file_bytes, ": truncated?");
  check(length > 0 && front.size() > kLengthBytes && front[kLengthBytes] == '{',
        "the header is not a JSON object");
  return kLengthBytes + length;
}

SafetensorsHeader read_safetensors_header(std::string_view front, const std::string& file,
                                          std::uint64_t file_bytes) {
  SafetensorsHeader header;
  header.data_begin = safetensors_header_bytes(front, file, file_bytes);
  TWILL_ASSERT(header.data_begin <= front.size());
  HeaderReader reader(file, header);
  const std::string_view text =
      front.substr(sizeof(std::uint64_t), header.data_begin - sizeof(std::uint64_t));
  json::sax_parse(text.begin(), text.end(), &reader);
  check_offsets(header, file_bytes, file);
  return header;
}

}  // namespace twill::engine
