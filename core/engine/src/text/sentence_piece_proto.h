// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The bytes of a SentencePiece model, read as hostile and checked whole before the library is given
// them. The format is sentencepiece_model.proto of https://github.com/google/sentencepiece
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace twill::engine {

// The largest known has 5 MB.
inline constexpr std::uint64_t kMostSentencePieceBytes = 64'000'000;

// Models that are trained keep far below them.
struct SentencePieceLimits {
  std::int32_t rules_at_one_place = 32;  // of the normaliser, for one text
  std::int32_t rule_bytes = 256;
  std::size_t user_defined_bytes = 64;
  float score = 1e9f;  // logarithms of probabilities; sums of them over any text stay finite
};

// The model's pieces, trainer and normaliser; its tests of itself and what only decoding needs are
// left out. Throws Error(kFile) that starts with `name` unless it is a Unigram model that the
// library can run on any text.
std::string checked_sentence_piece(std::string_view bytes, const std::string& name,
                                   const SentencePieceLimits& limits = {});

}  // namespace twill::engine
