// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The tokenizer.json of Hugging Face's tokenizers, which is all that transformers 5 writes of a
// T5 tokenizer.
#pragma once

#include <string>
#include <string_view>

namespace twill::engine {

// The bytes of a SentencePiece model with its pieces and its treatment of spaces, not checked yet.
// A special token spelt in a prompt stays text. Throws Error(kFile, kUnsupported) naming the field.
std::string sentence_piece_of_json(std::string_view text, const std::string& name);

}  // namespace twill::engine
