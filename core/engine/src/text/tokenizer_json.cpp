// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "tokenizer_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "sentence_piece_parts.h"
#include "twill/plan/base64.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"

namespace twill::engine {
namespace {

using nlohmann::json;

constexpr std::string_view kSpace = "\xe2\x96\x81";  // U+2581, which stands for a space

// A value with the path that leads to it.
struct Field {
  const json& value;
  std::string path;

  bool has(const char* name) const {
    return value.is_object() && value.contains(name) && !value[name].is_null();
  }
  Field at(const char* name) const {
    require(value.is_object() && value.contains(name), ErrorCode::kFile, path, ".", name,
            " is missing");
    return {value[name], concat(path, ".", name)};
  }
  std::string_view text() const {
    require(value.is_string(), ErrorCode::kFile, path, " is ", json_shown(value), ", not text");
    return value.get_ref<const std::string&>();
  }
  std::vector<Field> list() const {
    require(value.is_array(), ErrorCode::kFile, path, " is ", json_shown(value), ", not a list");
    std::vector<Field> fields;
    for (std::size_t i = 0; i < value.size(); ++i) {
      fields.push_back({value[i], concat(path, "[", i, "]")});
    }
    return fields;
  }
  [[noreturn]] void refuse(std::string_view known) const {
    throw Error(ErrorCode::kUnsupported, concat(path, " is ", json_shown(value), "; ", known));
  }
};

// What stands alone, or one after the other in a Sequence.
std::vector<Field> steps_of(const Field& field, const char* in_sequence) {
  return field.at("type").text() == "Sequence" ? field.at(in_sequence).list()
                                               : std::vector<Field>{field};
}

std::string rules_of(const Field& charsmap) {
  const std::string_view text = charsmap.text();
  std::size_t bytes = text.size() / 4 * 3;
  for (std::size_t i = text.size(); i > 0 && text[i - 1] == '=' && bytes > 0; --i) {
    --bytes;
  }
  std::string rules(bytes, '\0');
  require(from_base64(text, {reinterpret_cast<std::uint8_t*>(rules.data()), rules.size()}),
          ErrorCode::kFile, charsmap.path, " is not base64");
  return rules;
}

void read_normalizer(const Field& normalizer, std::string& rules, SentencePieceParts& parts) {
  for (const Field& step : steps_of(normalizer, "normalizers")) {
    const Field type = step.at("type");
    if (type.text() == "Precompiled") {
      rules = rules_of(step.at("precompiled_charsmap"));
    } else if (type.text() == "Strip") {
      parts.single_spaces = true;
    } else if (type.text() == "Replace") {
      const Field pattern = step.at("pattern").at("Regex");
      if (pattern.text() != " {2,}") {
        pattern.refuse("\" {2,}\", several spaces, is known");
      }
      parts.single_spaces = true;
    } else {
      type.refuse("Precompiled, Replace and Strip are known");
    }
  }
}

void read_pre_tokenizer(const Field& pre_tokenizer, SentencePieceParts& parts) {
  bool has_spaces = false;
  for (const Field& step : steps_of(pre_tokenizer, "pretokenizers")) {
    const Field type = step.at("type");
    if (type.text() == "WhitespaceSplit") {
      parts.single_spaces = true;
    } else if (type.text() == "Metaspace") {
      has_spaces = true;
      const Field replacement = step.at("replacement");
      if (replacement.text() != kSpace) {
        replacement.refuse("U+2581 is known");
      }
      if (step.has("prepend_scheme")) {
        parts.space_in_front = step.at("prepend_scheme").text() != "never";
      } else if (step.has("add_prefix_space")) {
        parts.space_in_front = step.at("add_prefix_space").value == true;
      }
    } else {
      type.refuse("WhitespaceSplit and Metaspace are known");
    }
  }
  require(has_spaces, ErrorCode::kUnsupported, pre_tokenizer.path,
          " has no Metaspace, which writes spaces as SentencePiece does");
}

bool is_byte(std::string_view piece) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  return piece.size() == 6 && piece.starts_with("<0x") && piece.ends_with('>') &&
         is_digit(piece[3]) && is_digit(piece[4]);
}

void read_pieces(const Field& model, const std::set<std::string_view>& special,
                 SentencePieceParts& parts) {
  const Field type = model.at("type");
  if (type.text() != "Unigram") {
    type.refuse("Unigram, as UMT5's is, is known");
  }
  const bool bytes = model.has("byte_fallback") && model.at("byte_fallback").value == true;
  const json& unknown = model.at("unk_id").value;
  for (const Field& entry : model.at("vocab").list()) {
    require(entry.value.is_array() && entry.value.size() == 2 && entry.value[0].is_string() &&
                entry.value[1].is_number(),
            ErrorCode::kFile, entry.path, " is ", json_shown(entry.value),
            ", not a piece and its score");
    const std::string_view piece = entry.value[0].get_ref<const std::string&>();
    const PieceType kind = unknown == parts.pieces.size() ? PieceType::kUnknown
                           : special.contains(piece)      ? PieceType::kControl
                           : bytes && is_byte(piece)      ? PieceType::kByte
                                                          : PieceType::kNormal;
    parts.pieces.push_back({piece, static_cast<float>(entry.value[1].get<double>()), kind});
  }
}

}  // namespace

std::string sentence_piece_of_json(std::string_view text, const std::string& name) {
  const json document = json_tree<json>(text, name);
  require(document.is_object(), ErrorCode::kFile, name, ": not a JSON object");
  const Field root{document, concat(name, ": tokenizer")};
  SentencePieceParts parts{.single_spaces = false};
  std::set<std::string_view> special;
  if (root.has("added_tokens")) {
    for (const Field& token : root.at("added_tokens").list()) {
      special.insert(token.at("content").text());
    }
  }
  std::string rules;
  if (root.has("normalizer")) {
    read_normalizer(root.at("normalizer"), rules, parts);
  }
  parts.rules = rules;
  read_pre_tokenizer(root.at("pre_tokenizer"), parts);
  read_pieces(root.at("model"), special, parts);
  return sentence_piece_model(parts, name);
}

}  // namespace twill::engine
