// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// UMT5 as llama.cpp's converter writes it to GGUF: other names of tensors, and the tokenizer as
// lists in the header.
#pragma once

#include <string>
#include <string_view>

#include "gguf_header.h"
#include "twill/engine/weights.h"

namespace twill::engine {

// "enc.blk.3.attn_q.weight" -> transformers' name. A name that an encoder does not have comes back
// as it is, so that a message shows it.
std::string umt5_name_of_gguf(std::string_view name);

// Weights of such a file get transformers' names; others keep theirs. Throws Error(kFile) when a
// file holds a tensor under both names.
void take_umt5_names(Weights& weights);

bool has_gguf_tokenizer(const GgufValues& values);
// The bytes of the SentencePiece model that the lists `tokenizer.ggml.*` were taken from, as far as
// they tell: pieces that users defined are ordinary ones there. Throws Error(kFile, kUnsupported)
// naming file and key.
std::string sentence_piece_of(const GgufValues& values);

}  // namespace twill::engine
