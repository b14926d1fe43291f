// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/sentence_piece.h"

#include <sentencepiece_processor.h>

#include <exception>
#include <utility>

#include "sentence_piece_proto.h"
#include "tokenizer_json.h"
#include "twill/plan/error.h"
#include "twill/plan/text.h"
#include "twill/plan/whole_files.h"

namespace twill::engine {
namespace {

constexpr std::size_t kMostOfItsWords = 200;

}  // namespace

struct SentencePiece::Impl {
  std::string name;
  sentencepiece::SentencePieceProcessor processor;
};

SentencePiece::SentencePiece(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SentencePiece::~SentencePiece() = default;
SentencePiece::SentencePiece(SentencePiece&&) noexcept = default;
SentencePiece& SentencePiece::operator=(SentencePiece&&) noexcept = default;

std::string_view SentencePiece::left_out() { return {}; }

SentencePiece SentencePiece::open(const std::filesystem::path& file) {
  const std::string bytes = read_file(file, kMostSentencePieceBytes);
  // A SentencePiece model begins with the field of its first piece.
  return from_bytes(bytes.starts_with('{') ? sentence_piece_of_json(bytes, file.string()) : bytes,
                    file.string());
}

SentencePiece SentencePiece::from_bytes(std::string_view bytes, const std::string& name) {
  const std::string checked = checked_sentence_piece(bytes, name);
  auto impl = std::make_unique<Impl>();
  impl->name = name;
  std::string trouble;
  try {
    const auto status = impl->processor.LoadFromSerializedProto(checked);
    trouble = status.ok() ? "" : status.ToString();
  } catch (const std::exception& error) {
    trouble = error.what();
  }
  require(trouble.empty(), ErrorCode::kFile, name,
          ": is no SentencePiece model: ", one_line(shortened(trouble, kMostOfItsWords)));
  return SentencePiece(std::move(impl));
}

const std::string& SentencePiece::name() const { return impl_->name; }

std::int64_t SentencePiece::size() const { return impl_->processor.GetPieceSize(); }

std::string SentencePiece::piece(std::int64_t id) const {
  TWILL_ASSERT(id >= 0 && id < size());
  return impl_->processor.IdToPiece(static_cast<int>(id));
}

std::vector<std::int64_t> SentencePiece::ids(std::string_view text) const {
  std::vector<int> found;
  const auto status = impl_->processor.Encode(text, &found);
  require(status.ok(), ErrorCode::kFile, name(), ": the tokenizer cannot read \"",
          one_line(shortened(text, kMostOfItsWords)),
          "\": ", one_line(shortened(status.ToString(), kMostOfItsWords)));
  return {found.begin(), found.end()};
}

}  // namespace twill::engine
