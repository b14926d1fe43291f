// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A Unigram tokenizer as other formats tell it, made a SentencePiece model again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace twill::engine {

// Numbers of sentencepiece_model.proto.
enum class PieceType : std::uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,  // never found in a text
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

struct SentencePieceParts {
  struct Piece {
    std::string_view text;
    float score = 0.0f;  // logarithm of its probability
    PieceType type = PieceType::kNormal;
  };
  std::vector<Piece> pieces;  // by id
  std::string_view rules;     // of the normaliser: its precompiled_charsmap; may be empty
  bool space_in_front = true;
  bool single_spaces = true;  // several become one, and none is left at both ends
};

// The model's bytes, not checked yet. Throws Error(kFile) that starts with `name` when they are
// more than a SentencePiece model may have.
std::string sentence_piece_model(const SentencePieceParts& parts, const std::string& name);

}  // namespace twill::engine
