// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "umt5_gguf.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>
#include <vector>

#include "in_quotes.h"
#include "sentence_piece_parts.h"
#include "twill/plan/error.h"
#include "umt5_names.h"

namespace twill::engine {
namespace {

constexpr std::string_view kTable = "token_embd.weight";
constexpr std::string_view kLastNorm = "enc.output_norm.weight";
constexpr std::string_view kBlocks = "enc.blk.";

constexpr std::array kParts{
    std::pair{"attn_norm", Umt5Part::kNorm1}, std::pair{"attn_q", Umt5Part::kQ},
    std::pair{"attn_k", Umt5Part::kK},        std::pair{"attn_v", Umt5Part::kV},
    std::pair{"attn_o", Umt5Part::kO},        std::pair{"attn_rel_b", Umt5Part::kBias},
    std::pair{"ffn_norm", Umt5Part::kNorm2},  std::pair{"ffn_gate", Umt5Part::kGate},
    std::pair{"ffn_up", Umt5Part::kUp},       std::pair{"ffn_down", Umt5Part::kDown},
};

constexpr std::string_view kModel = "tokenizer.ggml.model";
constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kScores = "tokenizer.ggml.scores";
constexpr std::string_view kTypes = "tokenizer.ggml.token_type";
constexpr std::string_view kEnd = "tokenizer.ggml.eos_token_id";
constexpr std::string_view kPrefix = "tokenizer.ggml.add_space_prefix";
constexpr std::string_view kRemove = "tokenizer.ggml.remove_extra_whitespaces";
constexpr std::string_view kCharsmap = "tokenizer.ggml.precompiled_charsmap";
// Types of pieces have the numbers of SentencePiece's.
constexpr std::int64_t kMostType = 6;

}  // namespace

std::string umt5_name_of_gguf(std::string_view name) {
  constexpr std::string_view kWeight = ".weight";
  if (name == kTable) {
    return umt5_tokens(false);
  }
  if (name == kLastNorm) {
    return umt5_last_norm(false);
  }
  if (name.starts_with(kBlocks) && name.ends_with(kWeight)) {
    const std::string_view rest = name.substr(kBlocks.size());
    std::uint32_t layer = 0;
    const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), layer);
    const auto digits = static_cast<std::size_t>(end - rest.data());
    for (const auto& [part, which] : kParts) {
      if (code == std::errc() && rest.substr(digits) == concat(".", part, kWeight)) {
        return umt5_name(false, layer, which);
      }
    }
  }
  return std::string(name);
}

void take_umt5_names(Weights& weights) {
  if (weights.contains(kTable) && weights.contains(kLastNorm)) {
    weights.rename(umt5_name_of_gguf);
  }
}

bool has_gguf_tokenizer(const GgufValues& values) { return values.contains(kTokens); }

std::string sentence_piece_of(const GgufValues& values) {
  const std::string& file = values.file();
  const std::string model = values.text(kModel);
  require(model == "t5", ErrorCode::kUnsupported, file, ": the header's ", kModel, " is ",
          in_quotes(model), "; the Unigram model \"t5\" is known");
  require(!values.contains(kEnd) || values.integer(kEnd) == 1, ErrorCode::kUnsupported, file,
          ": the header's ", kEnd, " is ", values.contains(kEnd) ? values.integer(kEnd) : 0,
          ", but a text ends with piece 1 in UMT5");
  const std::vector<std::string_view> tokens = values.texts(kTokens);
  const std::vector<float> scores = values.floats(kScores);
  const std::vector<std::int64_t> types = values.integers(kTypes);
  require(scores.size() == tokens.size() && types.size() == tokens.size(), ErrorCode::kFile, file,
          ": the header has ", tokens.size(), " ", kTokens, ", but ", scores.size(), " ", kScores,
          " and ", types.size(), " ", kTypes);
  SentencePieceParts parts{
      .rules = values.contains(kCharsmap) ? values.bytes(kCharsmap) : std::string_view(),
      .space_in_front = values.flag(kPrefix),
      .single_spaces = values.flag(kRemove)};
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    require(types[i] >= 1 && types[i] <= kMostType, ErrorCode::kFile, file, ": the header's ",
            kTypes, "[", i, "] is ", types[i], ", not 1 to ", kMostType);
    parts.pieces.push_back({tokens[i], scores[i], static_cast<PieceType>(types[i])});
  }
  return sentence_piece_model(parts, concat(file, ": the header's ", kTokens));
}

}  // namespace twill::engine
