// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Text as the numbers of pieces, by a SentencePiece model of type Unigram. In a build without the
// library (TWILL_TEXT) every model is refused with a sentence that says so.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace twill::engine {

class SentencePiece {
 public:
  // The sentence of a build without the library; empty in one with it.
  static std::string_view left_out();
  // Throw Error(kFile) that starts with the file's name for what is no such model; kUnsupported in
  // a build without the library. open() takes a tokenizer.json of Hugging Face's tokenizers too.
  static SentencePiece open(const std::filesystem::path& file);
  // bytes: of a model's file. name: for messages.
  static SentencePiece from_bytes(std::string_view bytes, const std::string& name);
  ~SentencePiece();
  SentencePiece(SentencePiece&&) noexcept;
  SentencePiece& operator=(SentencePiece&&) noexcept;

  const std::string& name() const;
  std::int64_t size() const;  // pieces
  std::string piece(std::int64_t id) const;
  // No begin and no end are added; what a text spells like "</s>" stays text.
  std::vector<std::int64_t> ids(std::string_view text) const;

 private:
  struct Impl;
  explicit SentencePiece(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace twill::engine
