// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The header of a GGUF file, read as hostile:
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gguf_blocks.h"

namespace twill::engine {

// What every GGUF file begins with.
inline constexpr std::string_view kGgufMagic = "GGUF";
inline constexpr std::uint64_t kMostGgufHeaderBytes = 100'000'000;  // UMT5's vocabulary has 7 MB
inline constexpr std::uint64_t kMostGgufValues = 100'000;           // a model has some tens
inline constexpr std::uint64_t kMostGgufTensors = 1'000'000;
inline constexpr std::uint32_t kMostGgufAxes = 8;

// In the numbers of files.
enum class GgufKind : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

struct GgufValue {
  GgufKind kind = GgufKind::kUint8;  // of an array: of its elements
  bool is_array = false;
  std::uint64_t count = 1;
  // As stored. Of a text: its characters; of an array of texts: each behind its length of 8 bytes.
  std::string bytes;
};

// A header's values by their keys. What asks for one throws Error(kFile) that starts with the
// file's name when it is missing or of another kind.
class GgufValues {
 public:
  explicit GgufValues(std::string file) : file_(std::move(file)) {}

  const std::string& file() const { return file_; }
  const std::map<std::string, GgufValue, std::less<>>& all() const { return values_; }
  bool contains(std::string_view key) const { return values_.contains(key); }

  std::string text(std::string_view key) const;
  bool flag(std::string_view key) const;
  std::int64_t integer(std::string_view key) const;  // of any width
  // Of arrays. Texts are views of this.
  std::vector<std::int64_t> integers(std::string_view key) const;
  std::vector<float> floats(std::string_view key) const;
  std::vector<std::string_view> texts(std::string_view key) const;
  // Of an array of 8-bit numbers; a view of this.
  std::string_view bytes(std::string_view key) const;

  // False where the key is there already.
  bool add(std::string key, GgufValue value);

 private:
  const GgufValue& value(std::string_view key, bool is_array, std::string_view what,
                         bool (*fits)(GgufKind)) const;

  std::string file_;
  std::map<std::string, GgufValue, std::less<>> values_;
};

struct GgufTensor {
  const GgmlType* type = nullptr;
  std::vector<std::int64_t> shape;  // torch's order, the last axis is a row
  std::uint64_t begin = 0;          // bytes from the end of the header
  std::uint64_t end = 0;
};

struct GgufHeader {
  std::uint64_t data_begin = 0;  // bytes from the start of the file
  std::map<std::string, GgufTensor> tensors;
  GgufValues values;
};

// Copies bytes of the file.
using ReadBytes = std::function<void(std::uint64_t begin, char* to, std::uint64_t bytes)>;

// Versions 2 and 3 in little-endian order. A tensor has the shape that
// `comfy.gguf.orig_shape.<name>` says, where it says one: ggml has four axes at most. Throws
// Error(kFile, kUnsupported) that starts with `file`.
GgufHeader read_gguf_header(const ReadBytes& read, const std::string& file,
                            std::uint64_t file_bytes);
// bytes: the whole file.
GgufHeader read_gguf_header(std::string_view bytes, const std::string& file);

}  // namespace twill::engine
