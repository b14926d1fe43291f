// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// GGUF files written by hand, field by field.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace twill::engine::testing {

template <typename Number>
std::string number(Number value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

inline std::string gguf_text(const std::string& text) {
  return number(std::uint64_t{text.size()}) + text;
}

// kind: of GgufKind; value: its bytes.
inline std::string gguf_value(const std::string& key, std::uint32_t kind,
                              const std::string& value) {
  return gguf_text(key) + number(kind) + value;
}

inline std::string gguf_array(const std::string& key, std::uint32_t kind, std::uint64_t count,
                              const std::string& elements) {
  return gguf_value(key, 9, number(kind) + number(count) + elements);
}

// axes: in the order of files, a row first. type: of ggml_type().
inline std::string gguf_tensor(const std::string& name, const std::vector<std::uint64_t>& axes,
                               std::uint32_t type, std::uint64_t offset) {
  std::string bytes = gguf_text(name) + number(static_cast<std::uint32_t>(axes.size()));
  for (const std::uint64_t size : axes) {
    bytes += number(size);
  }
  return bytes + number(type) + number(offset);
}

struct SmallGguf {
  std::vector<std::string> values;
  std::vector<std::string> tensors;
  std::string data;
  std::uint32_t version = 3;

  std::string bytes() const {
    std::string all = "GGUF" + number(version) + number(std::uint64_t{tensors.size()}) +
                      number(std::uint64_t{values.size()});
    for (const std::string& value : values) {
      all += value;
    }
    for (const std::string& tensor : tensors) {
      all += tensor;
    }
    all.resize((all.size() + 31) / 32 * 32);
    return all + data;
  }
};

}  // namespace twill::engine::testing
