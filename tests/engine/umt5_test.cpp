// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/umt5.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <ostream>
#include <sstream>

#include "engine_support.h"
#include "small_sentence_piece.h"
#include "twill/engine/model.h"

namespace twill::engine {
namespace {

using testing::small_sentence_piece;
using testing::TempDir;
using testing::Tensors;

constexpr Umt5Config kSmall{
    .vocabulary = 8, .dim = 6, .layers = 2, .heads = 2, .inner = 8, .ffn_dim = 10};

Tensors random_umt5(bool wan_names) {
  at::manual_seed(1);
  Umt5Config config = kSmall;
  config.wan_names = wan_names;
  Tensors tensors;
  const WeightTable table = umt5_weights(config, at::kFloat);
  for (const TensorRow& row : table.rows()) {
    tensors[row.name] = at::randn(row.shape);
  }
  return tensors;
}

at::Tensor bytes_of(const std::string& text) {
  return at::from_blob(const_cast<char*>(text.data()), {std::ssize(text)}, at::kByte).clone();
}

constexpr const char* kBias1 =
    "encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight";

// A Wan transformer that takes rows of `text_dim` numbers, beside a UMT5.
void write_folder(const TempDir& folder, const Tensors& text, bool names_tokenizer,
                  std::int64_t text_dim = kSmall.dim) {
  const testing::SmallDit shape{.text_dim = text_dim};
  write_safetensors(folder / "d.safetensors", random_dit(shape, 1), dit_metadata(shape));
  write_safetensors(folder / "v.safetensors", testing::random_vae(4, 1));
  write_safetensors(folder / "t.safetensors", text);
  std::ofstream(folder / "spiece.model", std::ios::binary) << small_sentence_piece();
  std::ofstream(folder / "model.json")
      << R"({"family": "wan2.1-t2v", "files": {"dit": "d.safetensors", "vae": "v.safetensors", )"
      << (names_tokenizer ? R"("tokenizer": "spiece.model", )" : "")
      << R"("text": "t.safetensors"}, "default": {"width": 32, "height": 48, "frames": 5, "fps": 16,
           "steps": 2, "shift": 3.0, "cfg": 1.0, "sampler": "euler"}})";
}

void refuses(const TempDir& folder, const std::string& sentence) {
  const std::string file = (folder / "t.safetensors").string();
  EXPECT_ERROR(load_model(folder.path()), file + sentence);
  EXPECT_ERROR(inspect_model(folder.path()), file + sentence);
  EXPECT_ERROR(load_text_encoder(folder.path()), file + sentence);
}

struct Spoiled {
  const char* why;
  bool wan_names;
  std::function<void(Tensors&)> spoil;
  std::string sentence;
};
void PrintTo(const Spoiled& spoiled, std::ostream* out) { *out << spoiled.why; }
class RefusedUmt5 : public ::testing::TestWithParam<Spoiled> {};
TEST_P(RefusedUmt5, NamesFileAndTensor) {
  const TempDir folder;
  Tensors tensors = random_umt5(GetParam().wan_names);
  GetParam().spoil(tensors);
  write_folder(folder, tensors, /*names_tokenizer=*/true);
  refuses(folder, GetParam().sentence);
}

std::function<void(Tensors&)> without(const std::string& name) {
  return [name](Tensors& tensors) { EXPECT_EQ(tensors.erase(name), 1U) << name; };
}
std::function<void(Tensors&)> instead(const std::string& name, std::vector<std::int64_t> shape) {
  return [name, shape](Tensors& tensors) { tensors[name] = at::ones(shape); };
}
std::function<void(Tensors&)> only(const std::string& name) {
  return [name](Tensors& tensors) { tensors = {{name, at::ones({4, 4})}}; };
}

INSTANTIATE_TEST_SUITE_P(
    Files, RefusedUmt5,
    ::testing::Values(
        Spoiled{"t5", false, without(kBias1),
                std::string(": tensor ") + kBias1 +
                    " is missing: a UMT5 encoder has a relative bias in every layer, T5 in layer "
                    "0 only"},
        Spoiled{"t5_with_wans_names", true, without("blocks.1.pos_embedding.embedding.weight"),
                ": tensor blocks.1.pos_embedding.embedding.weight is missing: a UMT5"},
        Spoiled{"clip", false, only("text_model.embeddings.token_embedding.weight"),
                ": is a CLIP text encoder (tensor text_model.embeddings.token_embedding.weight), "
                "not a UMT5 encoder"},
        Spoiled{"language_model", false, only("model.embed_tokens.weight"),
                ": is a language model (tensor embed_tokens.weight), not a UMT5 encoder"},
        Spoiled{"transformer", false, only("patch_embedding.weight"), ": is a Wan transformer"},
        Spoiled{"anything", false, only("weight"),
                ": is no UMT5 encoder: tensor shared.weight or token_embedding.weight is missing"},
        Spoiled{"no_layers", false, only("shared.weight"),
                ": is no UMT5 encoder: it has no tensor of encoder.block.0"},
        Spoiled{"no_norm", false, without("encoder.final_layer_norm.weight"),
                ": tensor encoder.final_layer_norm.weight is missing"},
        Spoiled{"no_norm_of_wan", true, without("norm.weight"), ": tensor norm.weight is missing"},
        Spoiled{"no_gate", false, without("encoder.block.0.layer.1.DenseReluDense.wi_0.weight"),
                ": tensor encoder.block.0.layer.1.DenseReluDense.wi_0.weight of a UMT5 encoder is "
                "missing"},
        Spoiled{"a_hole", false,
                [](Tensors& tensors) {
                  tensors["encoder.block.3.layer.0.layer_norm.weight"] = at::ones({6});
                },
                ": tensor encoder.block.2.layer.0.SelfAttention.relative_attention_bias.weight"},
        Spoiled{"many_layers", false, instead("encoder.block.99999.layer.0.layer_norm.weight", {6}),
                ": tensor encoder.block.99999.layer.0.layer_norm.weight is of a layer over the "
                "limit of 1000"},
        Spoiled{"wrong_shape", false,
                instead("encoder.block.1.layer.0.SelfAttention.v.weight", {8, 7}),
                ": tensor encoder.block.1.layer.0.SelfAttention.v.weight has shape [8, 7], not "
                "[8, 6]"},
        Spoiled{"flat_table", false, instead("shared.weight", {48}),
                ": tensor shared.weight has shape [48], not that of a matrix"},
        Spoiled{"buckets", false,
                instead("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                        {16, 2}),
                ": tensor encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight has "
                "16 rows, not the 32 distances of UMT5"},
        Spoiled{"heads", false,
                instead("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                        {32, 3}),
                ": tensor encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight is "
                "of 3 heads, which do not divide the 8 rows of tensor "
                "encoder.block.0.layer.0.SelfAttention.q.weight"},
        Spoiled{"a_decoder", false, instead("decoder.final_layer_norm.weight", {6}),
                ": tensor decoder.final_layer_norm.weight is not known: a UMT5 encoder does not "
                "have it"}),
    [](const auto& row) { return std::string(row.param.why); });

TEST(Umt5Folder, RunsWithAnyPrompt) {
  const TempDir folder;
  write_folder(folder, random_umt5(false), /*names_tokenizer=*/true);
  const VideoModel model = load_model(folder.path(), {.device = c10::kCPU, .dtype = c10::kFloat});
  EXPECT_EQ(model.text->words(), nullptr);
  const at::Tensor rows = model.text->encode("a b, anything else");
  ASSERT_EQ(rows.sizes(), (at::IntArrayRef{1, kWanTextLen, kSmall.dim}));
  EXPECT_TRUE(rows.equal(load_text_encoder(folder.path())->encode("a b, anything else")));
  EXPECT_TRUE(model.condition("").experts.size() == 1);
  EXPECT_EQ(describe_model(folder.path()).tokenizer, folder / "spiece.model");
}

TEST(Umt5Folder, BothNamingsAndTheTokenizerInsideGiveTheSameRows) {
  const TempDir folder;
  write_folder(folder, random_umt5(false), /*names_tokenizer=*/true);
  const at::Tensor expected = load_text_encoder(folder.path())->encode("a b");
  for (const bool wan_names : {false, true}) {
    Tensors tensors = random_umt5(wan_names);
    tensors["spiece_model"] = bytes_of(small_sentence_piece());
    for (const bool names_tokenizer : {false, true}) {
      write_folder(folder, tensors, names_tokenizer);
      EXPECT_TRUE(load_text_encoder(folder.path())->encode("a b").equal(expected));
    }
  }
}

TEST(Umt5Folder, TheTwoFilesThatComfyUiSavesGiveTheSameRows) {
  const TempDir folder;
  write_folder(folder, random_umt5(false), /*names_tokenizer=*/true);
  const at::Tensor expected = load_text_encoder(folder.path())->encode("a b");
  Tensors tensors = random_umt5(false);
  tensors["logit_scale"] = at::full({}, 4.6055);
  write_safetensors(folder / "t.safetensors", tensors);
  write_safetensors(folder / "s.safetensors", {{"spiece_model", bytes_of(small_sentence_piece())}});
  ModelFiles saved = folder / "d.safetensors";
  saved.text_encoder = folder / "t.safetensors";
  saved.tokenizer = folder / "s.safetensors";
  EXPECT_TRUE(load_text_encoder(saved)->encode("a b").equal(expected));
  saved.tokenizer = folder / "v.safetensors";
  EXPECT_ERROR(load_text_encoder(saved),
               (folder / "v.safetensors").string() + ": holds no tokenizer (tensor spiece_model)");
}

TEST(Umt5Folder, ATokenizerThatCannotBeIsRefused) {
  const TempDir folder;
  write_folder(folder, random_umt5(false), /*names_tokenizer=*/false);
  refuses(folder,
          ": has no tokenizer inside (tensor spiece_model), and none is named or lies beside it "
          "(spiece.model or tokenizer.json)");
  Tensors tensors = random_umt5(false);
  tensors["spiece_model"] = bytes_of("a red ball");
  write_folder(folder, tensors, /*names_tokenizer=*/false);
  refuses(folder, ": tensor spiece_model: is no SentencePiece model: ");
  tensors["spiece_model"] = at::ones({2, 2});
  write_folder(folder, tensors, /*names_tokenizer=*/false);
  refuses(folder,
          ": tensor spiece_model has shape [2, 2] and dtype Float, not the bytes of a "
          "SentencePiece model");
}

TEST(Umt5Folder, ATokenizerOfAnotherModelIsRefused) {
  const TempDir folder;
  const std::string place = (folder / "spiece.model").string();
  write_folder(folder, random_umt5(false), /*names_tokenizer=*/true);
  std::string many = small_sentence_piece();
  for (const char letter : {'c', 'd', 'e'}) {
    many += testing::piece(std::string(1, letter), -1.0f);
  }
  std::ofstream(folder / "spiece.model", std::ios::binary) << many;
  EXPECT_ERROR(
      load_model(folder.path()),
      place + ": has 9 pieces, but " + (folder / "t.safetensors").string() + " has rows for 8");
  std::ofstream(folder / "spiece.model", std::ios::binary) << testing::piece("<unk>", 0.0f, 2) +
                                                                  testing::piece("<s>", 0.0f, 3) +
                                                                  testing::piece("a", -1.0f);
  EXPECT_ERROR(load_model(folder.path()),
               place + ": piece 1 is \"<s>\", not \"</s>\": it is the tokenizer of another model");
}

TEST(Umt5Folder, OfAnotherWidthThanTheNetworkTakesIsRefused) {
  const TempDir folder;
  write_folder(folder, random_umt5(false), /*names_tokenizer=*/true, /*text_dim=*/7);
  const std::string sentence =
      concat((folder / "t.safetensors").string(), ": its rows have 6 numbers, but ",
             (folder / "d.safetensors").string(), " takes 7");
  EXPECT_ERROR(load_model(folder.path()), sentence);
  EXPECT_ERROR(inspect_model(folder.path()), sentence);
}

TEST(Umt5Folder, ATableOfWordsTakesNoTokenizer) {
  const TempDir folder;
  write_folder(folder, {{"word_embedding.weight", at::ones({1, 6})}}, /*names_tokenizer=*/true);
  refuses(folder, ": is a table of words, which needs no tokenizer, but model.json names ");
}

TEST(Umt5Encoder, SaysHowManyTokensWereCut) {
  const TempDir folder;
  const Umt5Encoder encoder(testing::saved(folder / "t.safetensors", random_umt5(false)),
                            SentencePiece::from_bytes(small_sentence_piece(), "m"), at::kFloat,
                            at::kCPU, /*text_len=*/4);
  EXPECT_EQ(encoder.note("ab"), "");
  EXPECT_EQ(encoder.note("ab a"),
            "the prompt has 5 tokens, and the last 2 were cut: the model "
            "takes 3");
  EXPECT_TRUE(encoder.encode("ab a").equal(encoder.encode("ab")));
}

// Their values are compared with ComfyUI's in tests/comfy/test_comfy_weights.py.
TEST(Umt5Encoder, PartsAreCutOneByOneAndWeightsAreTheirRows) {
  const TempDir folder;
  const Umt5Encoder encoder(testing::saved(folder / "t.safetensors", random_umt5(false)),
                            SentencePiece::from_bytes(small_sentence_piece(), "m"), at::kFloat,
                            at::kCPU, /*text_len=*/6);
  const at::Tensor plain = encoder.encode("a b");
  EXPECT_TRUE(encoder.encode(Prompt({{"a b", 1.0}})).equal(plain));
  const at::Tensor apart = encoder.encode(Prompt({{"a", 1.0}, {"b", 1.0}}));
  const at::Tensor first = encoder.encode(Prompt({{"a", 2.0}, {"b", 1.0}}));
  const at::Tensor second = encoder.encode(Prompt({{"a", 1.0}, {"b", 2.0}}));
  const at::Tensor empty = encoder.encode("");
  const auto count = (apart[0] != 0).any(1).sum().item<std::int64_t>();
  const auto a = (encoder.encode("a")[0] != 0).any(1).sum().item<std::int64_t>() - 1;
  // The first row goes away from that of the end by itself, others from zeros.
  EXPECT_TRUE(at::allclose(first[0][0], 2 * apart[0][0] - empty[0][0], 0, 1e-5));
  EXPECT_TRUE(
      at::allclose(first[0].narrow(0, 1, a - 1), 2 * apart[0].narrow(0, 1, a - 1), 0, 1e-5));
  EXPECT_TRUE(at::allclose(first[0].narrow(0, a, 6 - a), apart[0].narrow(0, a, 6 - a), 0, 1e-5));
  EXPECT_TRUE(second[0].narrow(0, 0, a).equal(apart[0].narrow(0, 0, a)));
  EXPECT_TRUE(
      second[0].narrow(0, a, count - 1 - a).equal(2 * apart[0].narrow(0, a, count - 1 - a)));
  EXPECT_TRUE(second[0][count - 1].equal(apart[0][count - 1]));
  // What ran beside another text is kept apart from what ran alone.
  EXPECT_TRUE(encoder.encode(Prompt({{"a", 1.0}, {"b", 1.0}})).equal(apart));
  EXPECT_TRUE(encoder.encode(Prompt({{"a", 2.0}, {"b", 1.0}})).equal(first));
  EXPECT_EQ(encoder.note(Prompt({{"ab ", 2.0}, {"ab ab", 1.0}})), encoder.note("ab ab ab"));
  EXPECT_NE(encoder.note("ab ab ab"), "");
}

TEST(Umt5Encoder, RowsAreKeptAndAChangedFileIsTold) {
  const TempDir folder;
  const Umt5Encoder encoder(testing::saved(folder / "t.safetensors", random_umt5(true)),
                            SentencePiece::from_bytes(small_sentence_piece(), "m"), at::kFloat,
                            at::kCPU);
  const at::Tensor rows = encoder.encode("a");
  std::ofstream(folder / "t.safetensors", std::ios::app) << ' ';
  EXPECT_TRUE(encoder.encode(" a ").equal(rows));
  EXPECT_ERROR(encoder.encode("b"), "t.safetensors: has ");
}

TEST(Weights, SingleRowsAreThoseOfTheWhole) {
  const TempDir folder;
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    const Weights weights =
        testing::saved(folder / "w.safetensors",
                       {{"before", at::ones({3})}, {"table", at::randn({5, 3}).to(dtype)}});
    const at::Tensor whole = weights.get("table", {5, 3}, at::kFloat);
    const at::Tensor rows = weights.get_rows("table", {5, 3}, {4, 0, 4}, at::kFloat);
    EXPECT_TRUE(rows.equal(at::stack({whole[4], whole[0], whole[4]})));
    EXPECT_ERROR(weights.get_rows("table", {5, 4}, {0}, at::kFloat),
                 "has shape [5, 3], not [5, 4]");
  }
}

}  // namespace
}  // namespace twill::engine
