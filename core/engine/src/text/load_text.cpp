// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "load_text.h"

#include <ATen/ATen.h>

#include <filesystem>
#include <string>
#include <utility>

#include "sentence_piece_proto.h"
#include "twill/engine/text_table.h"
#include "twill/engine/umt5.h"
#include "twill/plan/error.h"
#include "umt5_gguf.h"

namespace twill::engine {
namespace {

// Of ComfyUI's files: the tokenizer's model, byte for byte.
constexpr const char* kModelInside = "spiece_model";

bool is_table(const Weights& weights) {
  return weights.metadata().contains("vocabulary") || weights.contains("word_embedding.weight") ||
         weights.contains("position_embedding.weight");
}

SentencePiece model_inside(const Weights& weights) {
  const std::string place = weights.place_of(kModelInside);
  const std::vector<std::int64_t>& shape = weights.shape(kModelInside);
  require(weights.dtype(kModelInside) == at::kByte && shape.size() == 1, ErrorCode::kFile, place,
          " has shape ", at::IntArrayRef(shape), " and dtype ",
          c10::toString(weights.dtype(kModelInside)), ", not the bytes of a SentencePiece model");
  require(static_cast<std::uint64_t>(shape[0]) <= kMostSentencePieceBytes, ErrorCode::kFile, place,
          " has ", shape[0], " bytes, more than the ", kMostSentencePieceBytes,
          " that a SentencePiece model may have");
  const at::Tensor bytes = weights.get(kModelInside);
  return SentencePiece::from_bytes(
      {reinterpret_cast<const char*>(bytes.const_data_ptr<std::uint8_t>()), bytes.nbytes()}, place);
}

// ComfyUI's node CLIPSave puts the tokenizer of an encoder into a file of weights by itself.
SentencePiece named_tokenizer(const std::filesystem::path& file) {
  if (file.extension() != ".safetensors") {
    return SentencePiece::open(file);
  }
  const Weights weights = Weights::open(file);
  require(weights.contains(kModelInside), ErrorCode::kFile, weights.source(),
          ": holds no tokenizer (tensor ", kModelInside, ")");
  return model_inside(weights);
}

SentencePiece tokenizer_of(const ModelDescription& files, const Weights& weights) {
  const bool inside = weights.contains(kModelInside);
  if (!files.tokenizer.empty()) {
    if (inside) {
      weights.get(kModelInside);  // asked for: what model.json names stands in for it
    }
    return named_tokenizer(files.tokenizer);
  }
  const GgufValues* const lists = weights.gguf();
  if (!inside && lists != nullptr && has_gguf_tokenizer(*lists)) {
    return SentencePiece::from_bytes(sentence_piece_of(*lists),
                                     concat(weights.source(), ": tokenizer.ggml"));
  }
  require(inside, ErrorCode::kFile, weights.source(), ": has no tokenizer inside (",
          lists != nullptr ? "tokenizer.ggml.tokens" : concat("tensor ", kModelInside),
          "), and none is named or lies beside it (spiece.model or tokenizer.json)");
  return model_inside(weights);
}

}  // namespace

std::unique_ptr<TextEncoder> load_text(const TextRequest& request) {
  const ModelDescription& files = request.description;
  Weights weights = request.open(files.text);
  take_umt5_names(weights);
  if (is_table(weights)) {
    require(files.tokenizer.empty(), ErrorCode::kFile, files.text.string(),
            ": is a table of words, which needs no tokenizer, but model.json names ",
            files.tokenizer.string());
    return std::make_unique<TextTable>(TextTable::load(files.text));
  }
  detect_umt5_config(weights);
  require(SentencePiece::left_out().empty(), ErrorCode::kUnsupported, files.text.string(),
          ": is a UMT5 encoder, but ", SentencePiece::left_out());
  SentencePiece tokenizer = tokenizer_of(files, weights);
  return std::make_unique<Umt5Encoder>(std::move(weights), std::move(tokenizer), request.dtype,
                                       request.device);
}

}  // namespace twill::engine
