// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/text_table.h"

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "twill/engine/weights.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"

namespace twill::engine {
namespace {

std::vector<std::string> read_vocabulary(const Weights& weights) {
  const auto found = weights.metadata().find("vocabulary");
  require(found != weights.metadata().end(), ErrorCode::kFile, weights.source(),
          ": the metadata has no vocabulary");
  const nlohmann::json words =
      json_tree<nlohmann::json>(found->second, weights.source() + ": the metadata's vocabulary");
  require(words.is_array(), ErrorCode::kFile, weights.source(),
          ": the metadata's vocabulary is not a JSON list");
  std::vector<std::string> vocabulary;
  for (const nlohmann::json& word : words) {
    require(word.is_string(), ErrorCode::kFile, weights.source(), ": vocabulary[",
            vocabulary.size(), "] is not text");
    vocabulary.push_back(word.get<std::string>());
  }
  return vocabulary;
}

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : " ") + word;
  }
  return text;
}

}  // namespace

std::vector<std::string> split_prompt(std::string_view prompt) {
  std::vector<std::string> words;
  std::string word;
  const auto finish = [&] {
    if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  };
  for (const char c : prompt) {
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
      finish();
    } else if (c == ',') {
      finish();
      words.emplace_back(",");
    } else {
      word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  finish();
  return words;
}

TextTable TextTable::load(const std::filesystem::path& file) {
  const Weights weights = Weights::open(file);
  TextTable table;
  table.vocabulary_ = read_vocabulary(weights);
  for (const std::string& word : table.vocabulary_) {
    const auto row = static_cast<std::int64_t>(table.rows_.size());
    require(table.rows_.emplace(word, row).second, ErrorCode::kFile, weights.source(),
            ": the vocabulary has \"", word, "\" twice");
  }
  const std::vector<std::int64_t>& shape = weights.shape("position_embedding.weight");
  require(shape.size() == 2 && shape[0] > 0 && shape[1] > 0, ErrorCode::kFile, weights.source(),
          ": tensor position_embedding.weight has shape ", at::IntArrayRef(shape),
          ", not [text_len, text_dim]");
  const auto text_len = weights.metadata().find("text_len");
  require(text_len == weights.metadata().end() || text_len->second == std::to_string(shape[0]),
          ErrorCode::kFile, weights.source(), ": text_len \"",
          text_len == weights.metadata().end() ? "" : text_len->second,
          "\" is not the number of rows of position_embedding.weight, ", shape[0]);
  const auto words = static_cast<std::int64_t>(table.vocabulary_.size());
  table.words_ = weights.get("word_embedding.weight", {words, shape[1]}, at::kFloat);
  table.positions_ = weights.get("position_embedding.weight", shape, at::kFloat);
  weights.check_all_used("a text table");
  return table;
}

at::Tensor TextTable::encode(const Prompt& prompt) const {
  std::vector<std::pair<std::string, double>> words;
  for (const WeightedText& part : prompt.parts) {
    for (std::string& word : split_prompt(part.text)) {
      words.emplace_back(std::move(word), part.weight);
    }
  }
  const auto count = static_cast<std::int64_t>(words.size());
  require(count <= text_len(), ErrorCode::kUsage, "the prompt has ", count,
          " words (commas count), more than ", text_len(), ": \"", prompt.text(), "\"");
  at::Tensor rows = at::zeros({1, text_len(), text_dim()}, at::kFloat);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto& [word, weight] = words[static_cast<std::size_t>(i)];
    const auto found = rows_.find(word);
    require(found != rows_.end(), ErrorCode::kUsage, "unknown prompt word \"", word,
            "\"; known are: ", listed(vocabulary_));
    rows[0][i].copy_((words_[found->second] + positions_[i]) * weight);
  }
  return rows;
}

}  // namespace twill::engine
