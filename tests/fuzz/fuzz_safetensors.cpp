// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A safetensors header that is read names only bytes inside the file.
#include "fuzz.h"
#include "safetensors_header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  twill::fuzz::read_or_refuse([&] {
    const auto header = twill::engine::read_safetensors_header(twill::fuzz::text_of(data, size),
                                                               "fuzz.safetensors");
    for (const auto& [name, tensor] : header.tensors) {
      twill::fuzz::demand(header.data_begin <= size && tensor.begin <= tensor.end &&
                              tensor.end <= size - header.data_begin,
                          "a tensor outside the file was accepted");
    }
  });
  return 0;
}
