// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A tokenizer.json that is read is a SentencePiece model or is refused, and cuts any text.
#include <algorithm>
#include <string>

#include "fuzz.h"
#include "text/tokenizer_json.h"
#include "twill/engine/sentence_piece.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = twill::fuzz::text_of(data, size);
  twill::fuzz::read_or_refuse([&] {
    const auto model = twill::engine::SentencePiece::from_bytes(
        twill::engine::sentence_piece_of_json(text, "fuzz.json"), "fuzz.json");
    const std::vector<std::int64_t> ids = model.ids(text.substr(0, 4000));
    twill::fuzz::demand(
        std::ranges::all_of(ids, [&](auto id) { return id >= 0 && id < model.size(); }),
        "a piece that the model does not have");
  });
  return 0;
}
