// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "umt5_gguf.h"

#include <string>
#include <utility>
#include <vector>

#include "engine_support.h"
#include "small_gguf.h"
#include "small_sentence_piece.h"
#include "twill/engine/sentence_piece.h"
#include "twill/engine/umt5.h"

namespace twill::engine {
namespace {

using testing::gguf_array;
using testing::gguf_text;
using testing::gguf_value;
using testing::number;
using testing::SmallGguf;
using testing::TempDir;

constexpr std::uint32_t kUint8 = 0, kUint32 = 4, kInt32 = 5, kFloat32 = 6, kBool = 7, kString = 8;

// The pieces of small_sentence_piece(), as lists.
struct Lists {
  std::vector<std::string> tokens{"<pad>", "</s>", "<unk>", "\xe2\x96\x81", "a", "b"};
  std::vector<float> scores{0.0f, 0.0f, 0.0f, -1.0f, -2.0f, -3.0f};
  std::vector<std::int32_t> types{3, 3, 2, 1, 1, 1};
  std::string model = "t5";
  std::uint32_t end = 1;
  std::vector<std::string> more{
      gguf_value("tokenizer.ggml.add_space_prefix", kBool, std::string(1, '\1')),
      gguf_value("tokenizer.ggml.remove_extra_whitespaces", kBool, std::string(1, '\1'))};

  GgufValues values() const {
    std::string texts, reals, kinds;
    for (const std::string& token : tokens) {
      texts += gguf_text(token);
    }
    for (const float score : scores) {
      reals += number(score);
    }
    for (const std::int32_t type : types) {
      kinds += number(type);
    }
    SmallGguf file{.values = more};
    file.values.push_back(gguf_value("tokenizer.ggml.model", kString, gguf_text(model)));
    file.values.push_back(gguf_value("tokenizer.ggml.eos_token_id", kUint32, number(end)));
    file.values.push_back(gguf_array("tokenizer.ggml.tokens", kString, tokens.size(), texts));
    file.values.push_back(gguf_array("tokenizer.ggml.scores", kFloat32, scores.size(), reals));
    file.values.push_back(gguf_array("tokenizer.ggml.token_type", kInt32, types.size(), kinds));
    return read_gguf_header(file.bytes(), "a.gguf").values;
  }
  SentencePiece tokenizer() const {
    return SentencePiece::from_bytes(sentence_piece_of(values()), "a.gguf: tokenizer.ggml");
  }
};

TEST(Umt5Gguf, ListsCutAsTheModelThatTheyAreOf) {
  const SentencePiece model =
      SentencePiece::from_bytes(testing::small_sentence_piece(), "spiece.model");
  const SentencePiece lists = Lists().tokenizer();
  EXPECT_EQ(lists.size(), model.size());
  for (const char* text : {"", "a", "ab  ba", " a c b", "</s>a"}) {
    EXPECT_EQ(lists.ids(text), model.ids(text)) << text;
  }
}

TEST(Umt5Gguf, SpacesAndRulesAreThoseOfTheHeader) {
  Lists lists;
  EXPECT_EQ(lists.tokenizer().ids("a  b"), (std::vector<std::int64_t>{3, 4, 3, 5}));
  // "b" is written as "a": the root leads to the second block of 256 units.
  std::vector<std::uint32_t> units(768, testing::leaf(0));
  units[0] = testing::link('\0', 256);
  units[256 + 'b'] = testing::link('b', (256 + 'b') ^ 512) | 0x100u;
  const std::string rules = testing::charsmap(units, std::string("a\0", 2));
  lists.more = {gguf_value("tokenizer.ggml.add_space_prefix", kBool, std::string(1, '\0')),
                gguf_value("tokenizer.ggml.remove_extra_whitespaces", kBool, std::string(1, '\0')),
                gguf_array("tokenizer.ggml.precompiled_charsmap", kUint8, rules.size(), rules)};
  EXPECT_EQ(lists.tokenizer().ids("a  b"), (std::vector<std::int64_t>{4, 3, 3, 4}));
}

TEST(Umt5Gguf, ListsThatMakeNoTokenizerAreRefused) {
  const auto with = [](auto change) {
    Lists lists;
    change(lists);
    return lists;
  };
  EXPECT_ERROR(
      with([](Lists& x) { x.model = "llama"; }).tokenizer(),
      "a.gguf: the header's tokenizer.ggml.model is \"llama\"; the Unigram model \"t5\" is "
      "known");
  EXPECT_ERROR(
      with([](Lists& x) { x.end = 2; }).tokenizer(),
      "a.gguf: the header's tokenizer.ggml.eos_token_id is 2, but a text ends with piece 1 "
      "in UMT5");
  EXPECT_ERROR(with([](Lists& x) { x.scores.pop_back(); }).tokenizer(),
               "a.gguf: the header has 6 tokenizer.ggml.tokens, but 5 tokenizer.ggml.scores and 6 "
               "tokenizer.ggml.token_type");
  EXPECT_ERROR(with([](Lists& x) { x.types.push_back(1); }).tokenizer(),
               "6 tokenizer.ggml.scores and 7 tokenizer.ggml.token_type");
  EXPECT_ERROR(with([](Lists& x) { x.types[4] = 7; }).tokenizer(),
               "a.gguf: the header's tokenizer.ggml.token_type[4] is 7, not 1 to 6");
  EXPECT_ERROR(with([](Lists& x) { x.types[4] = 0; }).tokenizer(),
               "token_type[4] is 0, not 1 to 6");
  EXPECT_ERROR(with([](Lists& x) { x.more.pop_back(); }).tokenizer(),
               "a.gguf: the header's tokenizer.ggml.remove_extra_whitespaces is missing");
  EXPECT_ERROR(with([](Lists& x) { x.tokens[4] = ""; }).tokenizer(),
               "a.gguf: tokenizer.ggml: piece 4 has 0 bytes");
  EXPECT_ERROR(with([](Lists& x) { x.types[4] = 6; }).tokenizer(),
               "a.gguf: tokenizer.ggml: is no SentencePiece model: ");
  EXPECT_ERROR(with([](Lists& x) { x.tokens[4] = "b"; }).tokenizer(),
               "a.gguf: tokenizer.ggml: is no SentencePiece model: ");
}

TEST(Umt5Gguf, NamesBecomeThoseOfTransformers) {
  for (const auto& [theirs, ours] : std::vector<std::pair<std::string, std::string>>{
           {"token_embd.weight", "shared.weight"},
           {"enc.output_norm.weight", "encoder.final_layer_norm.weight"},
           {"enc.blk.0.attn_norm.weight", "encoder.block.0.layer.0.layer_norm.weight"},
           {"enc.blk.23.attn_o.weight", "encoder.block.23.layer.0.SelfAttention.o.weight"},
           {"enc.blk.7.ffn_up.weight", "encoder.block.7.layer.1.DenseReluDense.wi_1.weight"},
           {"dec.blk.0.attn_q.weight", "dec.blk.0.attn_q.weight"},
           {"enc.blk.0.attn_q.bias", "enc.blk.0.attn_q.bias"},
           {"enc.blk.x.attn_q.weight", "enc.blk.x.attn_q.weight"},
           {"enc.blk.0.attn_z.weight", "enc.blk.0.attn_z.weight"},
           {"enc.blk.0attn_q.weight", "enc.blk.0attn_q.weight"}}) {
    EXPECT_EQ(umt5_name_of_gguf(theirs), ours);
  }
}

TEST(Umt5Gguf, ALanguageModelIsToldForWhatItIs) {
  const TempDir folder;
  Weights weights = testing::saved(
      folder / "a.safetensors",
      {{"token_embd.weight", at::ones({4, 4})}, {"blk.0.attn_q.weight", at::ones({4, 4})}});
  take_umt5_names(weights);
  EXPECT_ERROR(detect_umt5_config(weights),
               "a.safetensors: is a language model (tensor token_embd.weight), not a UMT5 encoder");
}

}  // namespace
}  // namespace twill::engine
