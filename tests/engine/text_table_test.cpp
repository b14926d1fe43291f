// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/text_table.h"

#include "engine_support.h"

namespace twill::engine {
namespace {

using testing::deep_json;
using testing::TempDir;

std::filesystem::path write_table(const TempDir& folder, const std::string& vocabulary,
                                  std::int64_t rows = 4, const std::string& text_len = "5") {
  const std::filesystem::path file = folder / "text.safetensors";
  write_safetensors(
      file,
      {{"word_embedding.weight", at::arange(rows * 3).view({rows, 3}).to(at::kHalf)},
       {"position_embedding.weight", (at::arange(15).view({5, 3}) * 100).to(at::kHalf)}},
      {{"vocabulary", vocabulary}, {"text_len", text_len}});
  return file;
}

constexpr const char* kVocabulary = R"(["a", "red", "ball", ","])";

TEST(SplitPrompt, CommasAreWordsAndCapitalsDoNotMatter) {
  EXPECT_EQ(split_prompt("A Red  ball,\trolls\n,left"),
            (std::vector<std::string>{"a", "red", "ball", ",", "rolls", ",", "left"}));
  EXPECT_TRUE(split_prompt(" ").empty());
}

TEST(TextTable, RowsAreWordPlusPlaceThenZeros) {
  const TempDir folder;
  const TextTable table = TextTable::load(write_table(folder, kVocabulary));
  EXPECT_EQ(table.text_len(), 5);
  EXPECT_EQ(table.text_dim(), 3);
  const at::Tensor rows = table.encode("Red, ball");
  const float wanted[15] = {3, 104, 205, 309, 410, 511, 606, 707, 808, 0, 0, 0, 0, 0, 0};
  ASSERT_EQ(rows.sizes(), (at::IntArrayRef{1, 5, 3}));
  for (int i = 0; i < 15; ++i) {
    EXPECT_EQ(rows.view(-1)[i].item<float>(), wanted[i]) << i;
  }
  EXPECT_EQ(table.encode("").abs().sum().item<float>(), 0.0f);
}

TEST(TextTable, WeightsMultiplyRows) {
  const TempDir folder;
  const TextTable table = TextTable::load(write_table(folder, kVocabulary));
  const at::Tensor plain = table.encode("a red ball");
  const at::Tensor rows =
      table.encode(read_prompt("a (red:1.5) (ball:-0.25)", PromptWeights::kComfyUi).prompt);
  EXPECT_TRUE(rows[0][0].equal(plain[0][0]));
  EXPECT_TRUE(rows[0][1].equal(plain[0][1] * 1.5));
  EXPECT_TRUE(rows[0][2].equal(plain[0][2] * -0.25));
  EXPECT_EQ(rows[0].narrow(0, 3, 2).abs().sum().item<float>(), 0.0f);
  EXPECT_ERROR(table.encode("(red:1.5)"), "unknown prompt word \"(red:1.5)\"");
  EXPECT_ERROR(table.encode(Prompt({{"a a ", 1.5}, {"a a a a", 1.0}})),
               "the prompt has 6 words (commas count), more than 5: \"a a a a a a\"");
}

TEST(TextTable, UnknownWordsListTheVocabulary) {
  const TempDir folder;
  const TextTable table = TextTable::load(write_table(folder, kVocabulary));
  EXPECT_ERROR(table.encode("a blue ball"),
               "unknown prompt word \"blue\"; known are: a red ball ,");
  EXPECT_ERROR(table.encode("a a a a a a"), "the prompt has 6 words (commas count), more than 5");
}

TEST(TextTable, TablesThatDoNotFitAreRefused) {
  const TempDir folder;
  EXPECT_ERROR(TextTable::load(write_table(folder, "no list")),
               "vocabulary: line 1, column 2: not JSON");
  EXPECT_ERROR(TextTable::load(write_table(folder, "{}")), "vocabulary is not a JSON list");
  EXPECT_ERROR(TextTable::load(write_table(folder, deep_json())),
               "the metadata's vocabulary: nested deeper than 64");
  EXPECT_ERROR(TextTable::load(write_table(folder, "[1]")), "vocabulary[0] is not text");
  EXPECT_ERROR(TextTable::load(write_table(folder, R"(["a","a","b","c"])")),
               "the vocabulary has \"a\" twice");
  EXPECT_ERROR(TextTable::load(write_table(folder, kVocabulary, 6)),
               "tensor word_embedding.weight has shape [6, 3], not [4, 3]");
  EXPECT_ERROR(TextTable::load(write_table(folder, kVocabulary, 4, "6")),
               "text_len \"6\" is not the number of rows");
  write_safetensors(folder / "text.safetensors", {{"x", at::ones(1)}});
  EXPECT_ERROR(TextTable::load(folder / "text.safetensors"), "the metadata has no vocabulary");
}

}  // namespace
}  // namespace twill::engine
