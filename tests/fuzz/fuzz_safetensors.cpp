// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A safetensors header that is read names only bytes inside the file; any other is refused by
// Error.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fuzz.h"
#include "safetensors_header.h"
#include "twill/plan/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const auto header = twill::engine::read_safetensors_header(bytes, "fuzz.safetensors");
    for (const auto& [name, tensor] : header.tensors) {
      const bool inside = header.data_begin <= size && tensor.begin <= tensor.end &&
                          tensor.end <= size - header.data_begin;
      if (!inside) {
        std::fprintf(stderr, "a tensor outside the file was accepted\n");
        std::abort();
      }
    }
  } catch (const twill::Error&) {
  }
  return 0;
}

namespace twill::fuzz {
namespace {

std::string file_of(const std::string& header, std::size_t data_bytes) {
  std::string text(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(text.data(), &length, sizeof(length));
  return text + header + std::string(data_bytes, 'x');
}

}  // namespace

std::vector<std::string> seeds() {
  return {
      file_of(R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})", 24),
      file_of(R"({"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[4],)"
              R"("data_offsets":[0,8]},"b.c":{"dtype":"F16","shape":[],"data_offsets":[8,10]}})",
              10),
      file_of("{}", 0)};
}

std::vector<std::string> words() {
  return {"{",
          "}",
          "[",
          "]",
          ",",
          ":",
          "\"dtype\"",
          "\"F64\"",
          "\"shape\"",
          "-1",
          "[]",
          "1e300",
          "\"data_offsets\"",
          "4611686018427387904",
          "null",
          "\"\\ud800\"",
          "\xff"};
}

}  // namespace twill::fuzz
