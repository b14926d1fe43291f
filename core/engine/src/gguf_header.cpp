// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "gguf_header.h"

#include <c10/util/ArrayRef.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "in_quotes.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

constexpr std::uint64_t kBufferBytes = 1 << 16;
constexpr std::uint64_t kMostNameBytes = 65535;  // of keys and tensors; the document's for keys
constexpr std::uint32_t kDefaultAlignment = 32;
constexpr std::string_view kAlignment = "general.alignment";
constexpr std::string_view kParts = "split.count";
constexpr std::string_view kShape = "comfy.gguf.orig_shape.";
// The least that a value takes (length of its key, kind, a byte) and a tensor (length of its name,
// number of axes, type, offset).
constexpr std::uint64_t kLeastValueBytes = 8 + 4 + 1;
constexpr std::uint64_t kLeastTensorBytes = 8 + 4 + 4 + 8;

std::uint64_t bytes_of(GgufKind kind) {
  switch (kind) {
    case GgufKind::kUint8:
    case GgufKind::kInt8:
    case GgufKind::kBool:
      return 1;
    case GgufKind::kUint16:
    case GgufKind::kInt16:
      return 2;
    case GgufKind::kUint32:
    case GgufKind::kInt32:
    case GgufKind::kFloat32:
      return 4;
    case GgufKind::kUint64:
    case GgufKind::kInt64:
    case GgufKind::kFloat64:
      return 8;
    case GgufKind::kString:
    case GgufKind::kArray:
      break;
  }
  return 0;
}

// From the start of the file on, never behind its end or the limit of headers.
class Cursor {
 public:
  Cursor(const ReadBytes& read, const std::string& file, std::uint64_t file_bytes)
      : read_(read), file_(file), file_bytes_(file_bytes) {}

  // For messages: what is being read.
  std::string where = "the header";

  std::uint64_t place() const { return place_; }
  std::uint64_t left() const { return file_bytes_ - place_; }

  void take(char* to, std::uint64_t bytes) {
    check_room(bytes);
    while (bytes > 0) {
      if (used_ == buffer_.size()) {
        buffer_.resize(std::min(kBufferBytes, left()));
        used_ = 0;
        read_(place_, buffer_.data(), buffer_.size());
      }
      const std::uint64_t some = std::min<std::uint64_t>(bytes, buffer_.size() - used_);
      std::memcpy(to, buffer_.data() + used_, some);
      used_ += some;
      place_ += some;
      to += some;
      bytes -= some;
    }
  }
  template <typename Number>
  Number number() {
    static_assert(std::endian::native == std::endian::little);
    Number value{};
    take(reinterpret_cast<char*>(&value), sizeof(value));
    return value;
  }
  // Room is made after the check that the file has as much.
  void append(std::string& to, std::uint64_t bytes) {
    check_room(bytes);
    const std::size_t before = to.size();
    to.resize(before + bytes);
    take(to.data() + before, bytes);
  }
  std::string text() {
    std::string found;
    append(found, number<std::uint64_t>());
    return found;
  }

  template <typename... Parts>
  void check(bool holds, const Parts&... parts) const {
    require(holds, ErrorCode::kFile, file_, ": ", parts...);
  }

 private:
  void check_room(std::uint64_t bytes) const {
    check(bytes <= left(), where, " ends behind the file's ", file_bytes_, " bytes: truncated?");
    check(bytes <= kMostGgufHeaderBytes && place_ + bytes <= kMostGgufHeaderBytes, where,
          " ends behind the ", kMostGgufHeaderBytes, " bytes that a header may have");
  }

  const ReadBytes& read_;
  const std::string& file_;
  std::uint64_t file_bytes_;
  std::uint64_t place_ = 0;
  std::string buffer_;
  std::uint64_t used_ = 0;
};

// A name with its length in front.
std::string take_name(Cursor& cursor) {
  const auto length = cursor.number<std::uint64_t>();
  cursor.check(length > 0 && length <= kMostNameBytes, cursor.where, " has a name of ", length,
               " bytes, not 1 to ", kMostNameBytes);
  std::string name;
  cursor.append(name, length);
  return name;
}

GgufKind take_kind(Cursor& cursor) {
  const auto kind = cursor.number<std::uint32_t>();
  cursor.check(kind <= static_cast<std::uint32_t>(GgufKind::kFloat64), cursor.where,
               " is of an unknown type, ", kind);
  return static_cast<GgufKind>(kind);
}

void take_array(Cursor& cursor, GgufValue& value) {
  value.is_array = true;
  value.kind = take_kind(cursor);
  cursor.check(value.kind != GgufKind::kArray, cursor.where, " is an array of arrays");
  value.count = cursor.number<std::uint64_t>();
  const bool texts = value.kind == GgufKind::kString;
  const std::uint64_t each = texts ? sizeof(std::uint64_t) : bytes_of(value.kind);
  cursor.check(value.count <= cursor.left() / each, cursor.where, " has ", value.count,
               " elements, more than the file has room for: truncated?");
  if (!texts) {
    cursor.append(value.bytes, value.count * each);
    return;
  }
  for (std::uint64_t i = 0; i < value.count; ++i) {
    const std::size_t begin = value.bytes.size();
    cursor.append(value.bytes, each);
    std::uint64_t length = 0;
    std::memcpy(&length, value.bytes.data() + begin, sizeof(length));
    cursor.append(value.bytes, length);
  }
}

GgufValue take_value(Cursor& cursor) {
  GgufValue value{.kind = take_kind(cursor)};
  if (value.kind == GgufKind::kArray) {
    take_array(cursor, value);
  } else if (value.kind == GgufKind::kString) {
    value.bytes = cursor.text();
  } else {
    cursor.append(value.bytes, bytes_of(value.kind));
  }
  cursor.check(value.kind != GgufKind::kBool ||
                   std::ranges::all_of(value.bytes, [](char c) { return c == 0 || c == 1; }),
               cursor.where, " is neither true nor false");
  return value;
}

void take_values(Cursor& cursor, std::uint64_t count, GgufValues& values) {
  for (std::uint64_t i = 0; i < count; ++i) {
    cursor.where = concat("value ", i, " of the header");
    std::string key = take_name(cursor);
    cursor.where = concat("the header's ", in_quotes(key));
    GgufValue value = take_value(cursor);
    cursor.check(values.add(std::move(key), std::move(value)), cursor.where, " stands there twice");
  }
}

// Numbers of a tensor; nothing where an axis is negative, or where they and their strides would not
// fit 60 bits.
std::optional<std::uint64_t> number_count(const std::vector<std::int64_t>& shape) {
  constexpr std::int64_t kMost = std::int64_t{1} << 60;
  std::int64_t product = 1;
  bool empty = false;
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(product, std::max<std::int64_t>(size, 1), &product) ||
        product > kMost) {
      return std::nullopt;
    }
    empty = empty || size == 0;
  }
  return empty ? 0 : static_cast<std::uint64_t>(product);
}

GgufTensor take_tensor(Cursor& cursor) {
  GgufTensor tensor;
  const auto axes = cursor.number<std::uint32_t>();
  cursor.check(axes <= kMostGgufAxes, cursor.where, " has ", axes, " axes, more than ",
               kMostGgufAxes);
  for (std::uint32_t i = 0; i < axes; ++i) {
    const auto size = cursor.number<std::uint64_t>();
    cursor.check(size <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()),
                 cursor.where, " has an axis of ", size, ", which is too large");
    tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(size));
  }
  const auto number = cursor.number<std::uint32_t>();
  tensor.type = ggml_type(number);
  cursor.check(tensor.type != nullptr, cursor.where, " is of type ", number,
               ", which ggml does not have");
  tensor.begin = cursor.number<std::uint64_t>();
  const std::uint64_t row = axes == 0 ? 1 : static_cast<std::uint64_t>(tensor.shape.back());
  cursor.check(row % tensor.type->elements == 0, cursor.where, " of type ", tensor.type->name,
               " has rows of ", row, ", which are no whole blocks of ", tensor.type->elements);
  const std::optional<std::uint64_t> count = number_count(tensor.shape);
  std::uint64_t bytes = 0;
  cursor.check(
      count &&
          !__builtin_mul_overflow(*count / tensor.type->elements, tensor.type->bytes, &bytes) &&
          !__builtin_add_overflow(tensor.begin, bytes, &tensor.end),
      cursor.where, " of shape ", c10::IntArrayRef(tensor.shape), " at byte ", tensor.begin,
      " of the data is larger than any file");
  return tensor;
}

void take_tensors(Cursor& cursor, std::uint64_t count, std::map<std::string, GgufTensor>& tensors) {
  for (std::uint64_t i = 0; i < count; ++i) {
    cursor.where = concat("tensor ", i, " of the header");
    std::string name = take_name(cursor);
    cursor.where = concat("tensor ", in_quotes(name));
    GgufTensor tensor = take_tensor(cursor);
    cursor.check(tensors.try_emplace(std::move(name), std::move(tensor)).second, cursor.where,
                 " stands in the header twice");
  }
}

std::uint64_t alignment_of(const GgufValues& values) {
  const std::int64_t alignment =
      values.contains(kAlignment) ? values.integer(kAlignment) : kDefaultAlignment;
  require(alignment > 0 && alignment <= std::numeric_limits<std::uint32_t>::max() &&
              std::has_single_bit(static_cast<std::uint64_t>(alignment)),
          ErrorCode::kFile, values.file(), ": the header's ", kAlignment, " is ", alignment,
          ", not a power of two");
  return static_cast<std::uint64_t>(alignment);
}

void check_places(const GgufHeader& header, std::uint64_t alignment, std::uint64_t file_bytes) {
  const std::uint64_t data_bytes = file_bytes - std::min(file_bytes, header.data_begin);
  std::vector<std::pair<std::uint64_t, const std::string*>> order;
  for (const auto& [name, tensor] : header.tensors) {
    require(tensor.begin % alignment == 0, ErrorCode::kFile, header.values.file(), ": tensor ",
            in_quotes(name), " begins at byte ", tensor.begin, " of the data, not a multiple of ",
            alignment);
    require(tensor.end <= data_bytes, ErrorCode::kFile, header.values.file(), ": tensor ",
            in_quotes(name), " ends at byte ", tensor.end, " of the data, but the file has ",
            data_bytes, " of them: truncated?");
    if (tensor.begin != tensor.end) {
      order.emplace_back(tensor.begin, &name);
    }
  }
  std::ranges::stable_sort(order, {}, [](const auto& row) { return row.first; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    require(header.tensors.at(*order[i - 1].second).end <= order[i].first, ErrorCode::kFile,
            header.values.file(), ": tensors ", in_quotes(*order[i - 1].second), " and ",
            in_quotes(*order[i].second), " overlap at byte ", order[i].first, " of the data");
  }
}

void take_shapes(GgufHeader& header) {
  for (const auto& [key, value] : header.values.all()) {
    if (!key.starts_with(kShape)) {
      continue;
    }
    const auto tensor = header.tensors.find(key.substr(kShape.size()));
    if (tensor == header.tensors.end()) {
      continue;
    }
    std::vector<std::int64_t> shape = header.values.integers(key);
    require(shape.size() <= kMostGgufAxes, ErrorCode::kFile, header.values.file(),
            ": the header's ", in_quotes(key), " has ", shape.size(), " axes, more than ",
            kMostGgufAxes);
    require(number_count(shape) == number_count(tensor->second.shape), ErrorCode::kFile,
            header.values.file(), ": the header's ", in_quotes(key), " is ",
            c10::IntArrayRef(shape), ", which is no shape of a tensor of ",
            number_count(tensor->second.shape).value_or(0), " numbers");
    tensor->second.shape = std::move(shape);
  }
}

// The counts behind the version.
struct Counts {
  std::uint64_t tensors = 0;
  std::uint64_t values = 0;
};

Counts take_counts(Cursor& cursor) {
  std::string magic;
  cursor.append(magic, kGgufMagic.size());
  cursor.check(magic == kGgufMagic, "is no GGUF file");
  const auto version = cursor.number<std::uint32_t>();
  cursor.check((version & 0xffffu) != 0,
               "is a GGUF file in big-endian order; convert it to little-endian order");
  cursor.check(version == 2 || version == 3, "is a GGUF file of version ", version,
               "; versions 2 and 3 are read");
  Counts counts;
  counts.tensors = cursor.number<std::uint64_t>();
  counts.values = cursor.number<std::uint64_t>();
  cursor.check(counts.tensors <= kMostGgufTensors, "a header of ", counts.tensors,
               " tensors is over the limit of ", kMostGgufTensors);
  cursor.check(counts.values <= kMostGgufValues, "a header of ", counts.values,
               " values is over the limit of ", kMostGgufValues);
  cursor.check(
      counts.values * kLeastValueBytes + counts.tensors * kLeastTensorBytes <= cursor.left(),
      "a header of ", counts.tensors, " tensors and ", counts.values,
      " values does not fit the file: truncated?");
  return counts;
}

}  // namespace

GgufHeader read_gguf_header(const ReadBytes& read, const std::string& file,
                            std::uint64_t file_bytes) {
  GgufHeader header{.values = GgufValues(file)};
  Cursor cursor(read, file, file_bytes);
  const Counts counts = take_counts(cursor);
  take_values(cursor, counts.values, header.values);
  if (header.values.contains(kParts)) {
    const std::int64_t parts = header.values.integer(kParts);
    require(parts <= 1, ErrorCode::kUnsupported, file, ": is one of ", parts,
            " parts (the header's ", kParts, "); merge them (llama-gguf-split --merge)");
  }
  take_tensors(cursor, counts.tensors, header.tensors);
  const std::uint64_t alignment = alignment_of(header.values);
  header.data_begin = (cursor.place() + alignment - 1) / alignment * alignment;
  check_places(header, alignment, file_bytes);
  take_shapes(header);
  return header;
}

GgufHeader read_gguf_header(std::string_view bytes, const std::string& file) {
  return read_gguf_header(
      [&](std::uint64_t begin, char* to, std::uint64_t count) {
        std::memcpy(to, bytes.data() + begin, count);
      },
      file, bytes.size());
}

}  // namespace twill::engine
