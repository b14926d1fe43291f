// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "gguf_header.h"
#include "in_quotes.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

static_assert(std::endian::native == std::endian::little);

bool is_integer(GgufKind kind) {
  return kind <= GgufKind::kInt32 || kind == GgufKind::kUint64 || kind == GgufKind::kInt64;
}
bool is_text(GgufKind kind) { return kind == GgufKind::kString; }
bool is_float(GgufKind kind) { return kind == GgufKind::kFloat32; }
bool is_flag(GgufKind kind) { return kind == GgufKind::kBool; }
bool is_byte(GgufKind kind) { return kind == GgufKind::kUint8 || kind == GgufKind::kInt8; }

template <typename Number>
Number number_at(std::string_view bytes, std::size_t index) {
  Number number{};
  std::memcpy(&number, bytes.data() + index * sizeof(number), sizeof(number));
  return number;
}

// One of 2^63 and more becomes the largest that fits, which nothing here takes.
std::int64_t integer_at(const GgufValue& value, std::size_t index) {
  switch (value.kind) {
    case GgufKind::kUint8:
      return number_at<std::uint8_t>(value.bytes, index);
    case GgufKind::kInt8:
      return number_at<std::int8_t>(value.bytes, index);
    case GgufKind::kUint16:
      return number_at<std::uint16_t>(value.bytes, index);
    case GgufKind::kInt16:
      return number_at<std::int16_t>(value.bytes, index);
    case GgufKind::kUint32:
      return number_at<std::uint32_t>(value.bytes, index);
    case GgufKind::kInt32:
      return number_at<std::int32_t>(value.bytes, index);
    case GgufKind::kInt64:
      return number_at<std::int64_t>(value.bytes, index);
    default: {
      constexpr auto kMost = std::uint64_t{std::numeric_limits<std::int64_t>::max()};
      return static_cast<std::int64_t>(
          std::min(kMost, number_at<std::uint64_t>(value.bytes, index)));
    }
  }
}

}  // namespace

const GgufValue& GgufValues::value(std::string_view key, bool is_array, std::string_view what,
                                   bool (*fits)(GgufKind)) const {
  const auto found = values_.find(key);
  require(found != values_.end(), ErrorCode::kFile, file_, ": the header's ", key, " is missing");
  require(found->second.is_array == is_array && fits(found->second.kind), ErrorCode::kFile, file_,
          ": the header's ", in_quotes(key), " is not ", what);
  return found->second;
}

std::string GgufValues::text(std::string_view key) const {
  return value(key, false, "a text", is_text).bytes;
}

bool GgufValues::flag(std::string_view key) const {
  return value(key, false, "true or false", is_flag).bytes.front() != '\0';
}

std::int64_t GgufValues::integer(std::string_view key) const {
  return integer_at(value(key, false, "a whole number", is_integer), 0);
}

std::vector<std::int64_t> GgufValues::integers(std::string_view key) const {
  const GgufValue& array = value(key, true, "an array of whole numbers", is_integer);
  std::vector<std::int64_t> numbers(array.count);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = integer_at(array, i);
  }
  return numbers;
}

std::vector<float> GgufValues::floats(std::string_view key) const {
  const GgufValue& array = value(key, true, "an array of 32-bit floating-point numbers", is_float);
  std::vector<float> numbers(array.count);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = number_at<float>(array.bytes, i);
  }
  return numbers;
}

std::vector<std::string_view> GgufValues::texts(std::string_view key) const {
  const GgufValue& array = value(key, true, "an array of texts", is_text);
  std::vector<std::string_view> found(array.count);
  std::string_view rest = array.bytes;
  for (std::string_view& text : found) {
    const auto length = number_at<std::uint64_t>(rest, 0);
    text = rest.substr(sizeof(length), length);
    rest.remove_prefix(sizeof(length) + length);
  }
  return found;
}

std::string_view GgufValues::bytes(std::string_view key) const {
  return value(key, true, "an array of bytes", is_byte).bytes;
}

bool GgufValues::add(std::string key, GgufValue value) {
  return values_.try_emplace(std::move(key), std::move(value)).second;
}

}  // namespace twill::engine
