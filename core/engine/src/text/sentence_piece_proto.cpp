// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "sentence_piece_proto.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "twill/plan/error.h"

namespace twill::engine {
namespace {

// Numbers of sentencepiece_model.proto.
constexpr std::uint64_t kPieces = 1;
constexpr std::uint64_t kTrainer = 2;
constexpr std::uint64_t kNormalizer = 3;
constexpr std::uint64_t kPieceText = 1;
constexpr std::uint64_t kPieceScore = 2;
constexpr std::uint64_t kPieceType = 3;
constexpr std::uint64_t kUserDefined = 4;
constexpr std::uint64_t kModelType = 3;
constexpr std::uint64_t kUnigram = 1;
constexpr std::uint64_t kCharsmap = 2;

constexpr std::size_t kMostPieceBytes = 1024;
constexpr std::size_t kMostPieces = 4'000'000;
// Of the normaliser's table; the largest known has 0.3 MB. Its check looks at 256 units for each.
constexpr std::uint32_t kMostTableBytes = 8'000'000;

// One message of protocol buffers, field by field.
class Message {
 public:
  Message(std::string_view all, const std::string& name) : rest_(all), name_(name) {}

  // Moves to the next field; false at the end.
  bool next() {
    if (rest_.empty()) {
      return false;
    }
    const char* const begin = rest_.data();
    const std::uint64_t tag = varint();
    number = tag >> 3;
    kind = static_cast<std::uint32_t>(tag & 7);
    value = 0;
    bytes = {};
    switch (kind) {
      case 0:
        value = varint();
        break;
      case 1:
        bytes = take(8);
        break;
      case 2:
        bytes = take(varint());
        break;
      case 5:
        bytes = take(4);
        break;
      default:
        refuse("holds a field of a kind that is not known");
    }
    require(number > 0 && number < (1u << 29), ErrorCode::kFile, name_,
            ": is no SentencePiece model: holds a field without a number");
    whole = {begin, static_cast<std::size_t>(rest_.data() - begin)};
    return true;
  }
  bool is_text(std::uint64_t field) const { return number == field && kind == 2; }
  bool is_number(std::uint64_t field) const { return number == field && kind == 0; }
  bool is_float(std::uint64_t field) const { return number == field && kind == 5; }

  std::uint64_t number = 0;
  std::uint32_t kind = 0;
  std::uint64_t value = 0;
  std::string_view bytes;
  std::string_view whole;  // the field with its tag

 private:
  [[noreturn]] void refuse(const char* why) const {
    throw Error(ErrorCode::kFile, concat(name_, ": is no SentencePiece model: ", why));
  }
  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) {
      refuse("a field ends behind the end");
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::uint64_t varint() {
    std::uint64_t number_read = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      number_read |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) {
        return number_read;
      }
    }
    refuse("a number has more than ten bytes");
  }

  std::string_view rest_;
  const std::string& name_;
};

std::uint32_t unit_at(std::string_view bytes, std::size_t index) {
  static_assert(std::endian::native == std::endian::little);
  std::uint32_t unit = 0;
  std::memcpy(&unit, bytes.data() + index * sizeof(unit), sizeof(unit));
  return unit;
}

// The normaliser's rules: a double array (https://github.com/s-yata/darts-clone) whose leaves are
// places in a list of texts.
class Rules {
 public:
  Rules(std::string_view units, std::size_t text_bytes, const std::string& name,
        const SentencePieceLimits& limits)
      : units_(units),
        count_(units.size() / sizeof(std::uint32_t)),
        text_bytes_(text_bytes),
        most_rules_(count_, kUnseen),
        name_(name),
        limits_(limits) {}

  void check() { follow(0, 0); }

 private:
  static constexpr std::int16_t kUnseen = -1;
  static constexpr std::int16_t kOpen = -2;

  template <typename... Parts>
  void expect(bool holds, const Parts&... why) const {
    require(holds, ErrorCode::kFile, name_, ": the normaliser's table ", why...);
  }

  // The most rules on a way on from there.
  std::int32_t follow(std::size_t node, std::int32_t depth) {
    expect(most_rules_[node] != kOpen, "runs in a circle");
    if (most_rules_[node] != kUnseen) {
      return most_rules_[node];
    }
    expect(depth <= limits_.rule_bytes, "has a rule for more than ", limits_.rule_bytes, " bytes");
    most_rules_[node] = kOpen;
    const std::uint32_t unit = unit_at(units_, node);
    const std::size_t base = node ^ ((unit >> 10) << ((unit & 0x200u) >> 6));
    // The units of all 256 next bytes stand in one block.
    expect((base | 0xff) < count_, "leads out of itself");
    const bool rule = (unit >> 8 & 1) == 1;
    if (rule) {
      expect((unit_at(units_, base) & 0x7fffffffu) < text_bytes_, "leads out of its texts");
    }
    std::int32_t most = 0;
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::size_t child = base ^ byte;
      if ((unit_at(units_, child) & 0x800000ffu) == byte && (byte != 0 || !rule)) {
        most = std::max(most, follow(child, depth + 1));
      }
    }
    most += rule && depth > 0 ? 1 : 0;
    expect(most <= limits_.rules_at_one_place, "has more than ", limits_.rules_at_one_place,
           " rules for one text");
    most_rules_[node] = static_cast<std::int16_t>(most);
    return most;
  }

  std::string_view units_;
  std::size_t count_;
  std::size_t text_bytes_;
  std::vector<std::int16_t> most_rules_;
  const std::string& name_;
  const SentencePieceLimits& limits_;
};

void check_charsmap(std::string_view bytes, const std::string& name,
                    const SentencePieceLimits& limits) {
  if (bytes.empty()) {
    return;
  }
  const auto expect = [&](bool holds, const char* why) {
    require(holds, ErrorCode::kFile, name, ": the normaliser's table ", why);
  };
  expect(bytes.size() > sizeof(std::uint32_t), "is cut off");
  const std::uint32_t table_bytes = unit_at(bytes, 0);
  bytes.remove_prefix(sizeof(std::uint32_t));
  expect(table_bytes < bytes.size() && table_bytes % sizeof(std::uint32_t) == 0 && table_bytes > 0,
         "is cut off");
  expect(table_bytes <= kMostTableBytes, "has more than 8000000 bytes");
  const std::string_view texts = bytes.substr(table_bytes);
  expect(texts.back() == '\0', "has a text without an end");
  Rules(bytes.substr(0, table_bytes), texts.size(), name, limits).check();
}

void check_piece(std::string_view bytes, std::size_t index, const std::string& name,
                 const SentencePieceLimits& limits) {
  std::string_view text;
  float score = 0.0f;
  std::uint64_t type = 0;
  for (Message piece(bytes, name); piece.next();) {
    if (piece.is_text(kPieceText)) {
      text = piece.bytes;
    } else if (piece.is_float(kPieceScore)) {
      std::memcpy(&score, piece.bytes.data(), sizeof(score));
    } else if (piece.is_number(kPieceType)) {
      type = piece.value;
    }
  }
  require(!text.empty() && text.size() <= kMostPieceBytes, ErrorCode::kFile, name, ": piece ",
          index, " has ", text.size(), " bytes, not 1 to ", kMostPieceBytes);
  require(text.find('\0') == std::string_view::npos, ErrorCode::kFile, name, ": piece ", index,
          " holds a zero byte");
  require(type != kUserDefined || text.size() <= limits.user_defined_bytes, ErrorCode::kFile, name,
          ": piece ", index, " is user-defined and has ", text.size(), " bytes, more than ",
          limits.user_defined_bytes);
  require(std::abs(score) <= limits.score, ErrorCode::kFile, name, ": piece ", index,
          " has a score of ", score, ", not one between -", limits.score, " and ", limits.score);
}

void check_trainer(std::string_view bytes, const std::string& name) {
  for (Message trainer(bytes, name); trainer.next();) {
    require(!trainer.is_number(kModelType) || trainer.value == kUnigram, ErrorCode::kFile, name,
            ": is a SentencePiece model of type ", trainer.value,
            ", not a Unigram one (1), as UMT5's is");
  }
}

}  // namespace

std::string checked_sentence_piece(std::string_view bytes, const std::string& name,
                                   const SentencePieceLimits& limits) {
  require(bytes.size() <= kMostSentencePieceBytes, ErrorCode::kFile, name, ": has ", bytes.size(),
          " bytes, more than the ", kMostSentencePieceBytes,
          " that a SentencePiece model may have");
  std::string kept;
  std::size_t pieces = 0;
  for (Message model(bytes, name); model.next();) {
    if (model.is_text(kPieces)) {
      check_piece(model.bytes, pieces++, name, limits);
    } else if (model.is_text(kTrainer)) {
      check_trainer(model.bytes, name);
    } else if (model.is_text(kNormalizer)) {
      for (Message normalizer(model.bytes, name); normalizer.next();) {
        if (normalizer.is_text(kCharsmap)) {
          check_charsmap(normalizer.bytes, name, limits);
        }
      }
    } else {
      continue;
    }
    kept += model.whole;
  }
  require(pieces > 0 && pieces <= kMostPieces, ErrorCode::kFile, name,
          ": is no SentencePiece model: has ", pieces, " pieces");
  return kept;
}

}  // namespace twill::engine
