// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "sentence_piece_parts.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "sentence_piece_proto.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

// Numbers of sentencepiece_model.proto.
constexpr std::uint32_t kPieces = 1, kPieceText = 1, kPieceScore = 2, kPieceType = 3;
constexpr std::uint32_t kTrainer = 2, kModelType = 3, kByteFallback = 35;
constexpr std::uint32_t kNormalizer = 3, kRules = 2, kAddPrefix = 3, kRemoveSpaces = 4;
constexpr std::uint64_t kUnigram = 1;

// Fields of protocol buffers.
class MessageWriter {
 public:
  void number(std::uint32_t field, std::uint64_t value) {
    varint(field << 3);
    varint(value);
  }
  void real(std::uint32_t field, float value) {
    varint(field << 3 | 5);
    std::array<char, sizeof(value)> stored;
    std::memcpy(stored.data(), &value, sizeof(value));
    bytes.append(stored.data(), stored.size());
  }
  void text(std::uint32_t field, std::string_view value) {
    varint(field << 3 | 2);
    varint(value.size());
    bytes += value;
  }

  std::string bytes;

 private:
  void varint(std::uint64_t value) {
    for (; value > 0x7f; value >>= 7) {
      bytes += static_cast<char>(value | 0x80);
    }
    bytes += static_cast<char>(value);
  }
};

}  // namespace

std::string sentence_piece_model(const SentencePieceParts& parts, const std::string& name) {
  MessageWriter whole;
  for (const SentencePieceParts::Piece& each : parts.pieces) {
    MessageWriter piece;
    piece.text(kPieceText, each.text);
    piece.real(kPieceScore, each.score);
    piece.number(kPieceType, static_cast<std::uint64_t>(each.type));
    whole.text(kPieces, piece.bytes);
    require(whole.bytes.size() <= kMostSentencePieceBytes, ErrorCode::kFile, name,
            ": its pieces make a SentencePiece model of more than ", kMostSentencePieceBytes,
            " bytes");
  }
  MessageWriter trainer;
  trainer.number(kModelType, kUnigram);
  // SentencePiece has the pieces of single bytes if, and only if, it falls back on them.
  const bool bytes = std::ranges::any_of(
      parts.pieces, [](const auto& piece) { return piece.type == PieceType::kByte; });
  trainer.number(kByteFallback, bytes ? 1 : 0);
  whole.text(kTrainer, trainer.bytes);
  MessageWriter normalizer;
  if (!parts.rules.empty()) {
    normalizer.text(kRules, parts.rules);
  }
  normalizer.number(kAddPrefix, parts.space_in_front ? 1 : 0);
  normalizer.number(kRemoveSpaces, parts.single_spaces ? 1 : 0);
  whole.text(kNormalizer, normalizer.bytes);
  return std::move(whole.bytes);
}

}  // namespace twill::engine
