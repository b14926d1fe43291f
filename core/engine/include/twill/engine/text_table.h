// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// The demo model's text side: a row of numbers per word of a small vocabulary, plus one per place
// in the prompt.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "twill/engine/text_encoder.h"

namespace twill::engine {

// Lower case; split at white space; a comma is a word of its own.
std::vector<std::string> split_prompt(std::string_view prompt);

class TextTable final : public TextEncoder {
 public:
  // word_embedding.weight [words, text_dim], position_embedding.weight [text_len, text_dim];
  // metadata `vocabulary`, a JSON list of the words in the order of their rows, and `text_len`.
  // Throws Error(kFile).
  static TextTable load(const std::filesystem::path& file);

  std::int64_t text_len() const { return positions_.size(0); }
  std::int64_t text_dim() const override { return positions_.size(1); }
  const std::vector<std::string>* words() const override { return &vocabulary_; }

  // [1, text_len, text_dim] fp32: row i is word i plus place i, times its weight; an empty prompt's
  // rows are zeros, and so are those behind the last word. Throws Error(kUsage) for a word that the
  // vocabulary lacks (and lists it) and for a prompt of more than text_len words.
  at::Tensor encode(const Prompt& prompt) const override;

 private:
  std::vector<std::string> vocabulary_;
  std::map<std::string, std::int64_t, std::less<>> rows_;
  at::Tensor words_;      // fp32
  at::Tensor positions_;  // fp32
};

}  // namespace twill::engine
