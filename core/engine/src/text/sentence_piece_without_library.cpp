// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/sentence_piece.h"
#include "twill/plan/error.h"

namespace twill::engine {

struct SentencePiece::Impl {
  std::string name;
};

SentencePiece::SentencePiece(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SentencePiece::~SentencePiece() = default;
SentencePiece::SentencePiece(SentencePiece&&) noexcept = default;
SentencePiece& SentencePiece::operator=(SentencePiece&&) noexcept = default;

std::string_view SentencePiece::left_out() {
  return "this build was made without SentencePiece and has no text encoders of real models";
}

SentencePiece SentencePiece::open(const std::filesystem::path& file) {
  throw Error(ErrorCode::kUnsupported, concat(file.string(), ": ", left_out()));
}

SentencePiece SentencePiece::from_bytes(std::string_view, const std::string& name) {
  throw Error(ErrorCode::kUnsupported, concat(name, ": ", left_out()));
}

const std::string& SentencePiece::name() const { return impl_->name; }
std::int64_t SentencePiece::size() const { return 0; }
std::string SentencePiece::piece(std::int64_t) const { return {}; }
std::vector<std::int64_t> SentencePiece::ids(std::string_view) const { return {}; }

}  // namespace twill::engine
