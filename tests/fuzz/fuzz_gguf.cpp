// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A GGUF header that is read names only bytes inside the file, and a tensor's blocks are as many
// numbers as its shape has.
#include <vector>

#include "fuzz.h"
#include "gguf_header.h"

namespace {

constexpr std::uint64_t kMostNumbers = 1 << 16;

// Of the whole tensor.
std::uint64_t numbers(const twill::engine::GgufTensor& tensor) {
  std::uint64_t count = 1;
  for (const std::int64_t size : tensor.shape) {
    twill::fuzz::demand(size >= 0, "an axis below zero was accepted");
    count *= static_cast<std::uint64_t>(size);
  }
  return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  twill::fuzz::read_or_refuse([&] {
    const auto header =
        twill::engine::read_gguf_header(twill::fuzz::text_of(data, size), "fuzz.gguf");
    for (const auto& [name, tensor] : header.tensors) {
      const std::uint64_t bytes = tensor.end - tensor.begin;
      twill::fuzz::demand(tensor.begin <= tensor.end, "a tensor ends before it begins");
      const std::uint64_t count = numbers(tensor);
      twill::fuzz::demand(count % tensor.type->elements == 0 &&
                              count / tensor.type->elements * tensor.type->bytes == bytes,
                          "a tensor with other bytes than its shape has was accepted");
      if (bytes == 0) {
        continue;
      }
      twill::fuzz::demand(header.data_begin <= size && tensor.end <= size - header.data_begin,
                          "a tensor outside the file was accepted");
      if (tensor.type->dequantise != nullptr && count <= kMostNumbers) {
        std::vector<float> read(count);
        tensor.type->dequantise(data + header.data_begin + tensor.begin,
                                static_cast<std::int64_t>(count / tensor.type->elements),
                                read.data());
      }
    }
    for (const auto& [key, value] : header.values.all()) {
      if (value.kind == twill::engine::GgufKind::kString && value.is_array) {
        header.values.texts(key);
      }
    }
  });
  return 0;
}
