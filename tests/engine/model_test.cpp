// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/model.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <ostream>
#include <tuple>

#include "engine_support.h"
#include "models/architectures.h"
#include "twill/engine/wan_dit.h"

namespace twill::engine {
namespace {

using testing::deep_json;
using testing::TempDir;
using testing::Tensors;

constexpr const char* kGood = R"({"family": "wan2.1-t2v",
  "files": {"dit": "d.safetensors", "vae": "v.safetensors", "text": "t.safetensors"},
  "default": {"width": 32, "height": 48, "frames": 5, "fps": 16, "steps": 20, "shift": 3.0, "cfg": 1.0, "sampler": "euler"},
  "sizes": [{"width": 32, "height": 48, "frames": 5}]})";

void write_model(const TempDir& folder, const std::string& json, std::int64_t text_dim = 6) {
  const testing::SmallDit shape{.text_dim = text_dim};
  write_safetensors(folder / "d.safetensors", random_dit(shape, 1), dit_metadata(shape));
  write_safetensors(folder / "v.safetensors", testing::random_vae(4, 1));
  write_safetensors(folder / "t.safetensors",
                    {{"word_embedding.weight", at::ones({1, 6})},
                     {"position_embedding.weight", at::ones({2, 6})}},
                    {{"vocabulary", R"(["a"])"}, {"text_len", "2"}});
  std::ofstream(folder / "model.json") << json;
}

std::string changed(const std::string& from, const std::string& to) {
  std::string json = kGood;
  const std::size_t place = json.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  return json.replace(place, from.size(), to);
}

TEST(LoadModel, ReadsTheFolder) {
  const TempDir folder;
  write_model(folder, kGood);
  const VideoModel model = load_model(folder.path(), {.device = c10::kCPU, .dtype = c10::kFloat});
  EXPECT_EQ(model.defaults.size.height, 48);
  EXPECT_EQ(model.defaults.steps, 20);
  EXPECT_EQ(model.defaults.sampler, "euler");
  EXPECT_EQ(model.sizes.size(), 1U);
  EXPECT_EQ(model.shape(), (ModelShape{.family = "wan2.1-t2v",
                                       .experts = {"default"},
                                       .stacks = {{.name = "blocks", .layers = 2, .heads = 2}},
                                       .head_dim = 8}));
  EXPECT_EQ(model.grid(model.defaults.size), (TokenLayout{.frames = 2, .rows = 3, .cols = 2}));
  EXPECT_EQ(model.latent_shape(model.defaults.size), (std::array<std::int64_t, 5>{1, 16, 2, 6, 4}));

  DenseAttention attention;
  const at::Tensor velocity = model.forward(at::randn(model.latent_shape(model.defaults.size)),
                                            model.condition("a"), attention, {.t = 0.001});
  EXPECT_EQ(model.vae->decode(velocity).sizes(), (at::IntArrayRef{1, 3, 5, 48, 32}));
}

TEST(LoadModel, SizesThatNoTokenFitsAreRefused) {
  const TempDir folder;
  write_model(folder, kGood);
  const VideoModel model = load_model(folder.path());
  EXPECT_ERROR(model.grid(250, 256, 49), "width 250 is not a multiple of 16");
  EXPECT_ERROR(model.grid(256, 8, 49), "height 8 is not a multiple of 16");
  EXPECT_ERROR(model.grid(0, 256, 49), "width 0 is not a multiple of 16");
  EXPECT_ERROR(model.grid(-16, 256, 49), "width -16 is not a multiple of 16");
  EXPECT_ERROR(model.grid(256, 256, 48), "frames 48 is not 4n+1");
  EXPECT_ERROR(model.grid(256, 256, -3), "frames -3 is not 4n+1");
  EXPECT_ERROR(model.grid(16384, 16384, 99997), "token");
  EXPECT_EQ(model.grid(256, 256, 49).tokens(), 3328);
}

struct BadJson {
  const char* why;
  std::string json;
  const char* part;
};
void PrintTo(const BadJson& bad, std::ostream* out) { *out << bad.why; }
class LoadModelRefuses : public ::testing::TestWithParam<BadJson> {};
TEST_P(LoadModelRefuses, AndNamesTheField) {
  const TempDir folder;
  write_model(folder, GetParam().json);
  EXPECT_ERROR(load_model(folder.path()), std::string("model.json") + GetParam().part);
}
INSTANTIATE_TEST_SUITE_P(
    Files, LoadModelRefuses,
    ::testing::Values(
        BadJson{"not_json", "{", ": line 1, column 2: not JSON: "},
        BadJson{"deep_in_a_field_of_text", changed("\"euler\"", deep_json()),
                ": nested deeper than 64"},
        BadJson{"not_very_deep_in_a_field_of_text", changed("\"euler\"", "[[[[{}]]]]"),
                ".default.sampler is an array, not text"},
        BadJson{"list", "[]", ": not a JSON object"},
        BadJson{"no_family", "{}", ": field family is missing"},
        BadJson{"another_family", changed("wan2.1-t2v", "wan9"),
                ".family: unknown family \"wan9\"; known are wan2.1-t2v, wan2.1-i2v, wan2.2-t2v, "
                "wan2.2-i2v, wan2.2-ti2v"},
        BadJson{
            "files_is_text",
            R"({"family": "wan2.1-t2v", "files": "x", "default": {"width": 16, "height": 16, "frames": 1,
                "fps": 16, "steps": 1, "shift": 1, "cfg": 1, "sampler": "euler"}})",
            ".files: not a JSON object"},
        BadJson{"a_part_that_is_not_known",
                changed("\"files\": {", "\"files\": {\"dit_low_noise\": \"e.safetensors\", "),
                ".files.dit_low_noise is not known; known are dit, vae, text and tokenizer"},
        BadJson{"a_path_outside", changed("v.safetensors", "../v.safetensors"),
                ".files.vae: \"../v.safetensors\" is not a path inside the folder"},
        BadJson{"a_tokenizer_outside",
                changed("\"files\": {", "\"files\": {\"tokenizer\": \"../spiece.model\", "),
                ".files.tokenizer: \"../spiece.model\" is not a path inside the folder"},
        BadJson{"an_absolute_path", changed("v.safetensors", "/v.safetensors"),
                ".files.vae: \"/v.safetensors\""},
        BadJson{"steps_are_text", changed("\"steps\": 20", "\"steps\": \"20\""),
                ".default.steps is \"20\", not a whole number from 1 to 1000"},
        BadJson{"no_steps", changed("\"steps\": 20", "\"stops\": 20"),
                ".default: field steps is missing"},
        BadJson{"shift_of_zero", changed("\"shift\": 3.0", "\"shift\": 0"),
                ".default.shift is 0, not a number from"},
        BadJson{"sampler_is_a_number", changed("\"euler\"", "1"),
                ".default.sampler is 1, not text"},
        BadJson{"sizes_is_an_object",
                changed("[{\"width\": 32, \"height\": 48, \"frames\": 5}]", "{}"),
                ".sizes is not a list"}),
    [](const auto& row) { return std::string(row.param.why); });

TEST(LoadModel, MissingFilesAreNamed) {
  const TempDir folder;
  EXPECT_ERROR(load_model(folder.path()), "model.json: cannot be read: No such file or directory");
  write_model(folder, changed("v.safetensors", "none.safetensors"));
  EXPECT_ERROR(load_model(folder.path()), "none.safetensors: No such file or directory");
}

// Parts that do not fit are told before any of them is read, the same from headers alone.
TEST(LoadModel, PartsThatDoNotFitAreNamedWithTheirNumbers) {
  const TempDir folder;
  const std::string dit = (folder / "d.safetensors").string();
  const auto refuses = [&](const std::string& sentence) {
    EXPECT_ERROR(load_model(folder.path()), sentence);
    EXPECT_ERROR(inspect_model(folder.path()), sentence);
  };
  write_model(folder, kGood, /*text_dim=*/7);
  refuses(concat((folder / "t.safetensors").string(), ": its rows have 6 numbers, but ", dit,
                 " takes 7"));

  const auto channels = [&](std::int64_t in, std::int64_t out) {
    write_model(folder, kGood);
    Tensors tensors = testing::random_dit({}, 1);
    const std::int64_t dim = tensors.at("patch_embedding.bias").size(0);
    tensors["patch_embedding.weight"] = at::ones({dim, in, 1, 2, 2});
    tensors["head.head.weight"] = at::ones({4 * out, dim});
    tensors["head.head.bias"] = at::ones({4 * out});
    write_safetensors(folder / "d.safetensors", tensors, testing::dit_metadata({}));
  };
  channels(48, 48);
  refuses(concat(dit, ": makes latents of 48 channels, but ", (folder / "v.safetensors").string(),
                 " takes 16"));
  channels(36, 16);
  refuses(concat(dit,
                 ": takes 36 channels and makes 16: an image-to-video model, whose other "
                 "channels are those of pictures; one of wan2.1-t2v takes 16"));
}

// A transformer and a VAE of Wan 2.2 TI2V 5B's form under that family's name.
void write_ti2v(const TempDir& folder, const std::string& json) {
  write_model(folder, json);
  const testing::SmallDit shape{.channels = 48};
  write_safetensors(folder / "d.safetensors", random_dit(shape, 1), dit_metadata(shape));
  const WanVaeConfig vae{.residual = true, .encoder_width = 2, .decoder_width = 4};
  write_safetensors(folder / "v.safetensors", testing::random_vae22(vae, 1));
}

TEST(Ti2v, RunsFromTextAlone) {
  const TempDir folder;
  write_ti2v(folder, changed("wan2.1-t2v", "wan2.2-ti2v"));
  const VideoModel model = load_model(folder.path(), {.device = c10::kCPU, .dtype = c10::kFloat});
  const ClipSize size{.width = 64, .height = 32, .frames = 5};
  EXPECT_EQ(model.grid(size), (TokenLayout{.frames = 2, .rows = 1, .cols = 2}));
  ASSERT_EQ(model.latent_shape(size), (std::array<std::int64_t, 5>{1, 48, 2, 2, 4}));
  EXPECT_EQ(model.latent_colours.sizes(), at::IntArrayRef({49, 3}));
  DenseAttention attention;
  const at::Tensor x = at::randn(model.latent_shape(size));
  const at::Tensor out = model.forward(x, model.condition("a"), attention, {.t = 0.5});
  EXPECT_EQ(out.sizes(), x.sizes());
  EXPECT_EQ(model.vae->decode(out).sizes(), at::IntArrayRef({1, 3, 5, 32, 64}));
  EXPECT_ERROR(model.grid(64, 48, 5), "height 48 is not a multiple of 32 from 32");
}

TEST(Ti2v, OtherPartsAndFamiliesAreRefusedWithTheirNumbers) {
  const TempDir folder;
  const std::string dit = (folder / "d.safetensors").string();
  const std::string vae = (folder / "v.safetensors").string();
  const auto refuses = [&](const std::string& sentence) {
    EXPECT_ERROR(load_model(folder.path()), sentence);
    EXPECT_ERROR(inspect_model(folder.path()), sentence);
  };
  write_ti2v(folder, kGood);
  refuses(
      concat(dit, ": makes latents of 48 channels, but those of the family wan2.1-t2v have 16"));
  write_safetensors(folder / "v.safetensors", testing::random_vae(4, 1));
  refuses(concat(dit, ": makes latents of 48 channels, but ", vae, " takes 16"));
  write_ti2v(folder, changed("wan2.1-t2v", "wan2.2-ti2v"));
  write_safetensors(folder / "d.safetensors", testing::random_dit({}, 1),
                    testing::dit_metadata({}));
  refuses(concat(dit, ": makes latents of 16 channels, but ", vae, " takes 48"));
  write_safetensors(folder / "v.safetensors", testing::random_vae(4, 1));
  refuses(
      concat(dit, ": makes latents of 16 channels, but those of the family wan2.2-ti2v have 48"));
}

TEST(LoadModel, HeadersAloneTellOfTheModel) {
  const TempDir folder;
  write_model(folder, kGood);
  const VideoModel seen = inspect_model(folder.path());
  const VideoModel loaded = load_model(folder.path());
  EXPECT_EQ(seen.shape(), loaded.shape());
  EXPECT_EQ(seen.facts().ffn_dim, loaded.facts().ffn_dim);
  EXPECT_EQ(*seen.text->words(), *loaded.text->words());
}

// One judgement: whatever the loader refuses, headers alone refuse with the same words.
TEST(LoadModel, HeadersAloneJudgeAsTheLoaderDoes) {
  struct Change {
    const char* file;
    const char* removed;
    const char* added;
    const char* part;
  };
  for (const Change& change :
       {Change{"d", "blocks.1.ffn.2.bias", "", "tensor blocks.1.ffn.2.bias is missing"},
        Change{"d", "", "blocks.1.ffn.2.lora_A.weight", "is of a LoRA"},
        Change{"d", "", "blocks.3.modulation", "block 2 of blocks 0 to 3 is missing"},
        Change{"v", "decoder.conv1.bias", "", "tensor decoder.conv1.bias is missing"},
        Change{"v", "", "decoder.conv3.bias", "tensor decoder.conv3.bias is not known"},
        Change{"t", "word_embedding.weight", "", "tensor word_embedding.weight is missing"},
        Change{"t", "", "norm.weight", "tensor norm.weight is not known: a text table"}}) {
    const TempDir folder;
    write_model(folder, kGood);
    const std::filesystem::path file = folder / (std::string(change.file) + ".safetensors");
    const Weights weights = Weights::open(file);
    Tensors tensors;
    for (const std::string& name : weights.names()) {
      tensors[name] = weights.get(name);
    }
    tensors.erase(change.removed);
    if (*change.added != '\0') {
      tensors[change.added] = at::ones({2});
    }
    write_safetensors(file, tensors, weights.metadata());
    EXPECT_ERROR(load_model(folder.path()), change.part);
    EXPECT_ERROR(inspect_model(folder.path()), change.part);
  }
}

// Two random transformers under Wan 2.2's name.
void write_experts(const TempDir& folder, const testing::SmallDit& low) {
  write_model(folder, changed("\"wan2.1-t2v\"", "\"wan2.2-t2v\""));
  std::ifstream stream(folder / "model.json");
  std::string json{std::istreambuf_iterator<char>(stream), {}};
  const std::string one = "\"dit\": \"d.safetensors\"";
  json.replace(json.find(one), one.size(),
               R"("dit_high_noise": "d.safetensors", "dit_low_noise": "e.safetensors")");
  std::ofstream(folder / "model.json") << json;
  write_safetensors(folder / "e.safetensors", random_dit(low, 2), dit_metadata(low));
}

// Keeps what the last call said of itself.
class LastSite final : public SelfAttention {
 public:
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionSite& site) override {
    expert = site.expert;
    layout = *site.layout;
    return dense_.run(q, k, v, site);
  }
  std::int32_t expert = -1;
  TokenLayout layout;

 private:
  DenseAttention dense_;
};

TEST(Experts, EachRunsOnItsSideOfTheBoundary) {
  const TempDir folder;
  write_experts(folder, {});
  const VideoModel model = load_model(folder.path(), {.device = c10::kCPU, .dtype = c10::kFloat});
  EXPECT_EQ(model.shape().experts, (std::vector<std::string>{"high_noise", "low_noise"}));
  const Conditioned prompt = model.condition("a");
  const at::Tensor x = at::randn(model.latent_shape(model.defaults.size));
  EXPECT_EQ(model.layout(model.defaults.size, prompt), model.grid(model.defaults.size));
  LastSite attention;
  for (const auto& [t, expert] : {std::pair{0.9, 0}, std::pair{0.875, 0}, std::pair{0.874, 1}}) {
    const Weights weights =
        Weights::open(folder / (expert == 0 ? "d.safetensors" : "e.safetensors"));
    const WanDit alone(weights, detect_wan_config(weights), at::kFloat);
    const at::Tensor expected = alone.forward(x, at::full({1}, 1000.0 * t, at::kFloat),
                                              model.text->encode("a"), attention, {.t = t});
    EXPECT_TRUE(expected.equal(model.forward(x, prompt, attention, {.t = t}))) << t;
    EXPECT_EQ(attention.expert, expert) << t;
    EXPECT_EQ(attention.layout, model.grid(model.defaults.size));
  }
}

TEST(Experts, EachGetsTheLorasThatNameItAndThoseThatNameNone) {
  const TempDir folder;
  write_experts(folder, {});
  for (const char* name : {"all", "high", "low"}) {
    write_safetensors(
        folder / concat(name, ".safetensors"),
        {{"blocks.0.modulation.diff", at::randn({1, 6, 16})}, {"k_img.alpha", at::ones({1})}});
  }
  const std::vector<LoraChoice> choices{
      {.file = folder / "all.safetensors"},
      {.file = folder / "high.safetensors", .strength = 0.5, .expert = "high_noise"},
      {.file = folder / "low.safetensors", .strength = -2.0, .expert = "low_noise"}};
  std::vector<std::string> notes;
  const VideoModel model =
      load_model(folder.path(), {.device = c10::kCPU,
                                 .dtype = c10::kFloat,
                                 .loras = choices,
                                 .note = [&](const std::string& text) { notes.push_back(text); }});
  EXPECT_EQ(notes.size(), 4U);
  EXPECT_EQ(notes.at(0), notes.at(2));  // the shared file's, of both experts
  DenseAttention attention;
  const at::Tensor x = at::randn(model.latent_shape(model.defaults.size));
  for (const auto& [t, file, own] :
       {std::tuple{0.9, "d.safetensors", 1}, std::tuple{0.5, "e.safetensors", 2}}) {
    Tensors merged;
    const Weights weights = Weights::open(folder / file);
    for (const std::string& name : weights.names()) {
      merged[name] = weights.get(name);
    }
    for (const LoraChoice& lora : {choices[0], choices[static_cast<std::size_t>(own)]}) {
      merged["blocks.0.modulation"] =
          merged["blocks.0.modulation"] +
          Weights::open(lora.file).get("blocks.0.modulation.diff") * lora.strength;
    }
    const Weights written =
        testing::saved(folder / "merged.safetensors", merged, testing::dit_metadata({}));
    const WanDit alone(written, detect_wan_config(written), at::kFloat);
    const at::Tensor expected = alone.forward(x, at::full({1}, 1000.0 * t, at::kFloat),
                                              model.text->encode("a"), attention, {.t = t});
    const at::Tensor out = model.forward(x, model.condition("a"), attention, {.t = t});
    EXPECT_TRUE(at::allclose(out, expected, 1e-5, 1e-5)) << t;
  }
}

TEST(LoadModel, HeadersAloneJudgeLorasAsTheLoaderDoes) {
  const TempDir folder;
  write_model(folder, kGood);
  write_safetensors(folder / "a.safetensors", {{"blocks.0.modulation.diff", at::ones({1, 6, 16})}});
  write_safetensors(folder / "b.safetensors", {{"blocks.0.modulation.diff", at::ones({1, 6, 8})}});
  const auto refused = [&](const LoraChoice& lora, const char* part) {
    EXPECT_ERROR(load_model(folder.path(), {.device = c10::kCPU, .loras = {lora}}), part);
    EXPECT_ERROR(inspect_model(folder.path(), {lora}), part);
  };
  EXPECT_EQ(inspect_model(folder.path(), {{.file = folder / "a.safetensors"}}).facts().dim, 16);
  refused({.file = folder / "b.safetensors"},
          "b.safetensors: tensor blocks.0.modulation.diff has shape [1, 6, 8], but "
          "blocks.0.modulation of the network has [1, 6, 16]");
  refused({.file = folder / "d.safetensors"}, "d.safetensors: is a model, not a LoRA");
  refused({.file = folder / "a.safetensors", .expert = "high_noise"},
          "a.safetensors: is for the expert high_noise, but a model of wan2.1-t2v has one network");
  refused({.file = folder / "a.safetensors", .strength = 101.0},
          "strength 101 is not in -100..100");
  refused({.file = folder / "none.safetensors"}, "none.safetensors: No such file or directory");
}

TEST(Experts, OfTwoModelsAreRefused) {
  const TempDir folder;
  write_experts(folder, {.layers = 3});
  EXPECT_ERROR(load_model(folder.path()),
               concat((folder / "e.safetensors").string(),
                      ": is of 3 layers of 2 heads and a width of 16, but ",
                      (folder / "d.safetensors").string(), " of 2, 2 and 16"));
}

TEST(Experts, AMissingOneIsNamed) {
  const TempDir folder;
  write_model(folder, changed("\"wan2.1-t2v\"", "\"wan2.2-t2v\""));
  EXPECT_ERROR(
      load_model(folder.path()),
      ".files.dit is not known; known are dit_high_noise, dit_low_noise, vae, text and tokenizer");
}

TEST(Conditioning, OfAnotherNetworkIsRefused) {
  struct Other final : Conditioning {};
  const TempDir folder;
  write_model(folder, kGood);
  const VideoModel model = load_model(folder.path(), {.device = c10::kCPU, .dtype = c10::kFloat});
  const Conditioned other{.experts = {std::make_shared<Other>()}};
  DenseAttention attention;
  EXPECT_ERROR(model.forward(at::zeros(model.latent_shape(model.defaults.size)), other, attention,
                             {.t = 0.5}),
               "a Wan transformer was given the conditioning of another network");
}

TEST(Architectures, OfEveryFamilyThatNamesOneAreThere) {
  std::size_t named = 0;
  for (const ModelFamily& family : model_families()) {
    named += family.architecture.empty() ? 0 : 1;
    EXPECT_TRUE(family.architecture.empty() ||
                std::ranges::count(architectures(), family.architecture, &Architecture::name) == 1)
        << family.name;
  }
  EXPECT_GT(named, 0U);
}

TEST(LoadModel, TheDemoIsWhatThePresetsSay) {
  const std::filesystem::path folder = std::filesystem::path(TWILL_PRESETS) / "demo";
  const VideoModel model = load_model(folder, {.device = c10::kCPU, .dtype = c10::kFloat});
  const ModelShape shape = model.shape();
  EXPECT_EQ(shape.stacks.at(0).layers, 12);
  EXPECT_EQ(shape.stacks.at(0).heads, 4);
  EXPECT_EQ(shape.head_dim, 64);
  EXPECT_EQ(model.grid(model.defaults.size).tokens(), 3328);
  EXPECT_FALSE(model.sizes.empty());
  for (const ClipSize& size : model.sizes) {
    EXPECT_GT(model.grid(size).tokens(), 0);
  }
}

}  // namespace
}  // namespace twill::engine
