// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The JSON header of a safetensors file, read as hostile: https://huggingface.co/docs/safetensors
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace twill::engine {

// The reference implementation's limit.
inline constexpr std::uint64_t kMostHeaderBytes = 100'000'000;
inline constexpr std::size_t kMostTensors = 1'000'000;
inline constexpr std::size_t kMostAxes = 8;

struct TensorEntry {
  std::string dtype_name;
  at::ScalarType dtype = at::kFloat;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;  // bytes from the end of the header
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  std::uint64_t data_begin = 0;  // bytes from the start of the file
  std::map<std::string, TensorEntry> tensors;
  std::map<std::string, std::string> metadata;
};

// All that read a header throw Error(kFile) that starts with `file`, and says what the file is when
// it is another kind of file (foreign_file.h).

// Bytes from the start of the file to the end of its header. front: the file's first bytes, at
// least kTellingBytes of them where it has as many.
std::uint64_t safetensors_header_bytes(std::string_view front, const std::string& file,
                                       std::uint64_t file_bytes);
// front: the file's first bytes, the whole header among them.
SafetensorsHeader read_safetensors_header(std::string_view front, const std::string& file,
                                          std::uint64_t file_bytes);
// bytes: the whole file.
inline SafetensorsHeader read_safetensors_header(std::string_view bytes, const std::string& file) {
  return read_safetensors_header(bytes, file, bytes.size());
}

// "F32" and so on; empty when safetensors has no name for it.
std::string_view safetensors_dtype_name(at::ScalarType dtype);

}  // namespace twill::engine
