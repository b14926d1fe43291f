// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/jobs/model_folders.h"
#include "twill/jobs/model_paths.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <map>
#include <vector>

#include "engine/small_gguf.h"
#include "jobs/scratch_folder.h"
#include "jobs/tiny_model.h"
#include "twill/engine/weights.h"
#include "twill/jobs/comfy_folders.h"
#include "twill/jobs/model_facts.h"
#include "twill/plan/error.h"

namespace twill::jobs {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

TEST(ExtraModelPaths, is_read_as_comfyui_reads_it) {
  const tests::ScratchFolder folder;
  ::setenv("TWILL_TEST_MODELS", (folder / "elsewhere").c_str(), 1);
  write(folder / "extra_model_paths.yaml",
        "# a comment\n"
        "comfyui:\n"
        "    base_path: sub/\n"
        "    is_default: true\n"
        "    unet: |\n"
        "        models/unet\n"
        "        models/diffusion_models\n"
        "    vae: models/vae\n"
        "other:\n"
        "    base_path: ${TWILL_TEST_MODELS}\n"
        "    diffusion_models: wan\n"
        "    clip: clip\n"
        "absolute:\n"
        "    vae: /models/vae\n"
        "empty:\n");
  const auto paths = read_extra_model_paths(folder / "extra_model_paths.yaml");
  EXPECT_EQ(
      paths.at("diffusion_models"),
      (std::vector<fs::path>{folder / "sub/models/unet", folder / "sub/models/diffusion_models",
                             folder / "elsewhere/wan"}));
  EXPECT_EQ(paths.at("vae"), (std::vector<fs::path>{folder / "sub/models/vae", "/models/vae"}));
  EXPECT_EQ(paths.at("text_encoders"), (std::vector<fs::path>{folder / "elsewhere/clip"}));
  EXPECT_FALSE(paths.contains("is_default"));
}

TEST(ExtraModelPaths, damaged_lists_are_named_with_their_line) {
  const tests::ScratchFolder folder;
  write(folder / "a.yaml", "comfyui:\n  base_path: [\n");
  try {
    read_extra_model_paths(folder / "a.yaml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with((folder / "a.yaml: line ").string()))
        << error.what();
  }
  write(folder / "b.yaml", "- just\n- a list\n");
  EXPECT_THROW(read_extra_model_paths(folder / "b.yaml"), Error);
  EXPECT_THROW(read_extra_model_paths(folder / "none.yaml"), Error);
}

TEST(FindModels, runnable_ones_come_first_and_the_others_say_why) {
  const tests::ScratchFolder folder;
  tests::write_tiny_model(folder / "mine/tiny");
  write(folder / "mine/broken/model.json", "{}");
  tests::write_tiny_model(folder / "comfy/scratch");
  fs::create_directories(folder / "comfy/models/diffusion_models");
  fs::rename(folder / "comfy/scratch/dit.safetensors",
             folder / "comfy/models/diffusion_models/wan_tiny.safetensors");
  fs::copy_file(folder / "mine/tiny/vae.safetensors",
                folder / "comfy/models/diffusion_models/not_a_transformer.safetensors");
  write(folder / "paths.yaml",
        "a:\n  base_path: comfy/models\n  diffusion_models: diffusion_models\n");
  write(folder / "bad.yaml", "[");
  std::vector<std::string> problems;
  const std::vector<FoundModel> found =
      find_models({folder / "mine", folder / "mine/tiny", folder / "missing"},
                  {folder / "paths.yaml", folder / "bad.yaml"}, &problems);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].name, "tiny");
  EXPECT_EQ(found[0].obstacle, "");
  EXPECT_GT(found[0].bytes, 0);
  EXPECT_EQ(found[1].name, "broken");
  EXPECT_NE(found[1].obstacle.find("field family is missing"), std::string::npos);
  EXPECT_EQ(found[2].name, "wan_tiny");
  // The VAE lies beside it under a name of its own.
  EXPECT_EQ(found[2].obstacle,
            concat("a Wan transformer of 2 x 2 heads; ", found[2].files.path.string(),
                   ": needs a UMT5 text encoder of width 16, which is in none of ",
                   found[2].files.path.parent_path().string(), ", ",
                   (folder / "comfy/models/text_encoders").string(), ", ",
                   (folder / "comfy/models/clip").string(),
                   "; ComfyUI's file of it is umt5_xxl_fp16.safetensors"));
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].find("bad.yaml"), std::string::npos);
}

TEST(FindModels, all_that_a_checkpoint_lacks_is_named_as_comfyui_names_it) {
  const tests::ScratchFolder folder;
  tests::write_tiny_comfy(folder / "ComfyUI");
  const auto find = [&] {
    std::vector<FoundModel> found = find_models({}, {folder / "ComfyUI"});
    EXPECT_EQ(found.size(), 1u);
    return found.at(0);
  };
  const FoundModel whole = find();
  EXPECT_EQ(whole.obstacle, "");
  EXPECT_EQ(whole.name, "wan2.1_t2v_tiny");
  EXPECT_EQ(whole.network, "a Wan transformer of 2 x 2 heads");
  EXPECT_TRUE(whole.missing.empty());

  fs::remove(folder / "ComfyUI/models/vae/wan_2.1_vae.safetensors");
  fs::remove(folder / "ComfyUI/models/text_encoders/umt5_xxl_fp16.safetensors");
  const FoundModel bare = find();
  ASSERT_EQ(bare.missing.size(), 2u);
  EXPECT_EQ(bare.missing[0].what, "the VAE of Wan 2.1 (16 channels)");
  EXPECT_EQ(bare.missing[0].file, "wan_2.1_vae.safetensors");
  EXPECT_EQ(bare.missing[1].what, "a UMT5 text encoder of width 16");
  EXPECT_EQ(bare.missing[1].file, "umt5_xxl_fp16.safetensors");
  EXPECT_TRUE(
      bare.missing[1].sentence.ends_with("; ComfyUI's file of it is " + bare.missing[1].file));
  EXPECT_EQ(bare.obstacle, bare.network + "; " + bare.missing[0].sentence);
}

TEST(FindModels, one_expert_alone_lacks_no_part) {
  const tests::ScratchFolder folder;
  tests::write_tiny_comfy(folder / "ComfyUI", {.from_pictures = true});
  EXPECT_EQ(find_models({}, {folder / "ComfyUI"}).size(), 1u);
  fs::remove(folder / "ComfyUI/models/diffusion_models/wan2.2_i2v_low_noise_tiny.safetensors");
  const auto found = find_models({}, {folder / "ComfyUI"});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].missing.empty());
  EXPECT_TRUE(found[0].obstacle.ends_with(
      ": is one of two experts by its name, but wan2.2_i2v_low_noise_tiny.safetensors is not "
      "beside it"))
      << found[0].obstacle;
}

// Who has no ComfyUI keeps checkpoints and their parts in one folder.
TEST(FindModels, checkpoints_in_a_folder_of_ones_own_are_found) {
  const tests::ScratchFolder folder;
  tests::write_tiny_comfy(folder / "ComfyUI");
  fs::create_directories(folder / "mine");
  for (const char* const file :
       {"diffusion_models/wan2.1_t2v_tiny.safetensors", "vae/wan_2.1_vae.safetensors",
        "text_encoders/umt5_xxl_fp16.safetensors"}) {
    fs::rename(folder / "ComfyUI/models" / file, folder / "mine" / fs::path(file).filename());
  }
  const auto found = find_models({folder / "mine"}, {});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].obstacle, "");
  EXPECT_EQ(found[0].files.path, folder / "mine/wan2.1_t2v_tiny.safetensors");
}

TEST(ComfyFolders, are_known_by_what_lies_in_them) {
  const tests::ScratchFolder folder;
  tests::write_tiny_comfy(folder / "ComfyUI");
  write(folder / "listed/extra_model_paths.yaml", "");
  write(folder / "mine/a.safetensors", "");
  EXPECT_TRUE(is_comfy_folder(folder / "ComfyUI"));
  EXPECT_TRUE(is_comfy_folder(folder / "ComfyUI/models"));
  EXPECT_TRUE(is_comfy_folder(folder / "listed"));
  EXPECT_FALSE(is_comfy_folder(folder / "mine"));
  ::setenv("TWILL_COMFYUI", (folder / "ComfyUI").c_str(), 1);
  EXPECT_EQ(usual_comfy_folders(), std::vector<fs::path>{folder / "ComfyUI"});
  ::unsetenv("TWILL_COMFYUI");
}

// A model folder is judged as the loader does; a file that only ComfyUI can run is still found.
// A folder that Studio knows is looked at when it starts.
TEST(FindModels, deep_json_is_an_obstacle_and_no_end) {
  const tests::ScratchFolder folder;
  write(folder / "deep/model.json",
        R"({"family":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}");
  const auto found = find_models({folder.path()}, {});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].obstacle, (folder / "deep/model.json").string() + ": nested deeper than 64");
}

TEST(FindModels, a_pipeline_that_does_not_run_says_why) {
  const tests::ScratchFolder folder;
  write(folder / "other/model_index.json", R"({"_class_name": "HunyuanVideoPipeline"})");
  const auto found = find_models({folder.path()}, {});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].name, "other");
  EXPECT_NE(found[0].obstacle.find("\"HunyuanVideoPipeline\"; WanPipeline"), std::string::npos);
}

TEST(FindModels, tell_what_the_loader_would_refuse) {
  const tests::ScratchFolder folder;
  tests::write_tiny_model(folder / "mine/odd");
  const auto with_extra = [](const fs::path& from, const fs::path& to, const std::string& name) {
    const engine::Weights weights = engine::Weights::open(from);
    std::map<std::string, at::Tensor> tensors{{name, at::zeros({2}, at::kByte)}};
    for (const std::string& each : weights.names()) {
      tensors[each] = weights.get(each);
    }
    engine::write_safetensors(to, tensors, weights.metadata());
  };
  const fs::path dit = folder / "mine/odd/dit.safetensors";
  const fs::path other = folder / "comfy/diffusion_models/wan_nvfp4.safetensors";
  fs::create_directories(other.parent_path());
  with_extra(dit, other, "blocks.0.ffn.0.comfy_quant");
  with_extra(dit, dit, "blocks.0.ffn.0.lora_A.weight");
  write(folder / "paths.yaml", "a:\n  base_path: comfy\n  diffusion_models: diffusion_models\n");
  const std::vector<FoundModel> found = find_models({folder / "mine"}, {folder / "paths.yaml"});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "odd");
  EXPECT_EQ(found[0].obstacle, dit.string() +
                                   ": tensor blocks.0.ffn.0.lora_A.weight is of a LoRA that was "
                                   "not merged into the model; merge it, or use the model's file "
                                   "without it");
  EXPECT_TRUE(found[1].obstacle.starts_with("a Wan transformer of 2 x 2 heads; "));
}

// A look at it minds no tensor of a type that the engine does not read (23: IQ4_XS).
TEST(FindModels, a_gguf_file_is_found_as_others_are) {
  const tests::ScratchFolder folder;
  const engine::Weights weights = [&] {
    tests::write_tiny_model(folder / "tiny");
    return engine::Weights::open(folder / "tiny/dit.safetensors");
  }();
  engine::testing::SmallGguf file{
      .values = {engine::testing::gguf_value(
          "config", 8, engine::testing::gguf_text(R"({"transformer": {"num_heads": 2}})"))}};
  for (const std::string& name : weights.names()) {
    const std::vector<std::int64_t>& shape = weights.shape(name);
    std::vector<std::uint64_t> axes(shape.rbegin(), shape.rend());
    file.tensors.push_back(engine::testing::gguf_tensor(name, axes, 0, file.data.size()));
    const at::Tensor values = weights.get(name, shape, at::kFloat);
    file.data.append(static_cast<const char*>(values.const_data_ptr()), values.nbytes());
    file.data.resize((file.data.size() + 31) / 32 * 32);
  }
  file.tensors.push_back(engine::testing::gguf_tensor("other", {256}, 23, file.data.size()));
  file.data.append(136, '\0');
  fs::create_directories(folder / "comfy/diffusion_models");
  write(folder / "comfy/diffusion_models/wan_q4.gguf", file.bytes());
  write(folder / "comfy/diffusion_models/of_another_kind.gguf",
        engine::testing::SmallGguf().bytes());
  write(folder / "paths.yaml", "a:\n  base_path: comfy\n  diffusion_models: diffusion_models\n");
  const auto found = find_models({}, {folder / "paths.yaml"});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].name, "wan_q4");
  EXPECT_TRUE(found[0].obstacle.starts_with("a Wan transformer of 2 x 2 heads; "));
}

TEST(ModelFacts, of_a_checkpoint_have_the_settings_that_are_published) {
  const tests::ScratchFolder folder;
  tests::write_tiny_comfy(folder / "ComfyUI", {.from_pictures = true});
  tests::write_tiny_model(folder / "own");
  const ModelFacts facts = read_model_facts(find_models({}, {folder / "ComfyUI"}).at(0).files);
  EXPECT_EQ(facts.shape.family, "wan2.2-i2v");
  ASSERT_EQ(facts.settings.size(), 3u);
  EXPECT_EQ(facts.settings[1].kind, SettingKind::kPublished);
  EXPECT_EQ(facts.settings[1].width, 832);
  EXPECT_EQ(facts.settings[1].shift, 3.0);
  EXPECT_EQ(facts.settings[2].kind, SettingKind::kDistilled);
  // A model.json says its own, and these weights are nobody's.
  EXPECT_TRUE(read_model_facts(folder / "own").settings.empty());
}

TEST(ModelFacts, are_those_of_the_folder) {
  const fs::path demo = fs::path(TWILL_PRESETS) / "demo";
  const ModelFacts facts = read_model_facts(demo);
  EXPECT_EQ(facts.name, "demo");
  EXPECT_EQ(facts.shape.stacks.at(0).layers, 12);
  EXPECT_EQ(facts.shape.stacks.at(0).heads, 4);
  EXPECT_EQ(facts.dim, 256);
  EXPECT_EQ(facts.defaults.frames, 49);
  EXPECT_EQ(facts.sizes.size(), 9u);
  EXPECT_EQ(with_defaults({.frames = 33}, facts).frames, 33);
  EXPECT_EQ(with_defaults({.frames = 33}, facts).steps, 20);
  EXPECT_EQ(prompt_problem(facts, "a red ball rolls left", PromptWeights::kAuto), "");
  EXPECT_NE(prompt_problem(facts, "a red zeppelin", PromptWeights::kAuto).find("zeppelin"),
            std::string::npos);
  EXPECT_EQ(prompt_problem(facts, "a (red:1.3) ball", PromptWeights::kAuto), "");
  EXPECT_NE(prompt_problem(facts, "a (red:1.3) ball", PromptWeights::kNone).find("\"(red:1.3)\""),
            std::string::npos);
  EXPECT_EQ(prompt_problem(facts, "a (red:101.5) ball", PromptWeights::kAuto),
            "the prompt has weight 101.5 on \"red\", which is not in -100..100; --prompt-weights "
            "none makes text of it");
}

}  // namespace
}  // namespace twill::jobs
