// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A .safetensors.index.json beside one shard: what is opened has no tensor that the shard lacks.
#include <cstring>
#include <string>

#include "fuzz.h"
#include "twill/engine/weights.h"

namespace {

void write_shard() {
  const std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                             R"("b.c":{"dtype":"BF16","shape":[],"data_offsets":[8,10]}})";
  std::string file(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(file.data(), &length, sizeof(length));
  twill::fuzz::scratch_file("s.safetensors", file + header + std::string(10, 'x'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool written = (write_shard(), true);
  static_cast<void>(written);
  const auto index =
      twill::fuzz::scratch_file("m.safetensors.index.json", twill::fuzz::text_of(data, size));
  twill::fuzz::read_or_refuse([&] {
    const auto weights = twill::engine::Weights::open(index);
    for (const std::string& name : weights.names()) {
      twill::fuzz::demand(name == "a" || name == "b.c", "a tensor that no shard holds");
    }
  });
  return 0;
}
