// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A SentencePiece model that is read cuts any text into pieces that it has.
#include <algorithm>
#include <string>

#include "fuzz.h"
#include "twill/engine/sentence_piece.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = twill::fuzz::text_of(data, size);
  twill::fuzz::read_or_refuse([&] {
    const auto model = twill::engine::SentencePiece::from_bytes(bytes, "fuzz.model");
    // The model's own bytes spell its pieces and rules.
    for (const std::string_view text :
         {std::string_view("a red ball, 100 % \xef\xac\x81\xf0\x9f\x90\x88<0x41>"),
          std::string_view("\0\xff\xc0\x80", 4), bytes.substr(0, 4000)}) {
      const std::vector<std::int64_t> ids = model.ids(text);
      twill::fuzz::demand(
          std::ranges::all_of(ids, [&](auto id) { return id >= 0 && id < model.size(); }),
          "a piece that the model does not have");
    }
  });
  return 0;
}
