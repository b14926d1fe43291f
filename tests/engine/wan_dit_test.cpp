// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/wan_dit.h"

#include <ostream>

#include "engine_support.h"

namespace twill::engine {
namespace {

using testing::deep_json;
using testing::dit_metadata;
using testing::random_dit;
using testing::saved;
using testing::SmallDit;
using testing::TempDir;
using testing::Tensors;
using testing::worst_difference;

struct SmallModel {
  TempDir folder;
  SmallDit shape;
  Weights weights = saved(folder / "dit.safetensors", random_dit(shape, 1), dit_metadata(shape));
  WanDit dit{weights, detect_wan_config(weights), at::kFloat};
  at::Tensor x = at::randn({1, 16, 2, 4, 6});
  at::Tensor context = at::randn({1, 3, 6});

  at::Tensor run(SelfAttention& attention, const StepInfo& step = {}) const {
    return dit.forward(x, at::full({1}, 300.0), context, attention, step);
  }
};

TEST(WanConfig, IsReadFromTheTensors) {
  const TempDir folder;
  const SmallDit shape{.heads = 3, .head_dim = 8, .layers = 4, .ffn = 20, .text_dim = 7};
  const WanConfig config = detect_wan_config(
      saved(folder / "dit.safetensors", random_dit(shape, 1), dit_metadata(shape)));
  EXPECT_EQ(config.dim, 24);
  EXPECT_EQ(config.heads, 3);
  EXPECT_EQ(config.head_dim(), 8);
  EXPECT_EQ(config.layers, 4);
  EXPECT_EQ(config.ffn_dim, 20);
  EXPECT_EQ(config.text_dim, 7);
  EXPECT_EQ(config.in_channels, 16);
  EXPECT_EQ(config.out_channels, 16);
  EXPECT_EQ(config.frequencies, 256);
}

struct BadModel {
  const char* why;
  const char* removed;
  const char* added;
  std::vector<std::int64_t> shape;
  std::string metadata;
  const char* part;
};
void PrintTo(const BadModel& bad, std::ostream* out) { *out << bad.why; }
class WanConfigRefuses : public ::testing::TestWithParam<BadModel> {};
TEST_P(WanConfigRefuses, OtherFiles) {
  const BadModel& bad = GetParam();
  const TempDir folder;
  Tensors tensors = random_dit({}, 1);
  tensors.erase(bad.removed);
  if (*bad.added != 0) {
    tensors[bad.added] = at::ones(bad.shape);
  }
  const Weights weights = saved(folder / "dit.safetensors", tensors, {{"config", bad.metadata}});
  EXPECT_ERROR(WanDit(weights, detect_wan_config(weights), at::kFloat),
               std::string("dit.safetensors: ") + bad.part);
}
constexpr const char* kTwoHeads = R"({"transformer": {"num_heads": 2}})";
INSTANTIATE_TEST_SUITE_P(
    Files, WanConfigRefuses,
    ::testing::Values(
        BadModel{"half_an_image_embedding",
                 "",
                 "img_emb.proj.0.bias",
                 {4},
                 kTwoHeads,
                 "tensor img_emb.proj.0.weight is missing"},
        BadModel{"image_positions_alone",
                 "",
                 "img_emb.emb_pos",
                 {1, 4, 4},
                 kTwoHeads,
                 "tensor img_emb.proj.0.bias is missing, but img_emb.emb_pos is there"},
        BadModel{"image_keys",
                 "",
                 "blocks.0.cross_attn.k_img.weight",
                 {4},
                 kTwoHeads,
                 "tensor blocks.0.cross_attn.k_img.weight is not known: a Wan 2.1 transformer does "
                 "not have it"},
        BadModel{"vace", "", "vace_patch_embedding.weight", {4}, kTwoHeads, "a VACE model"},
        BadModel{"an_unknown_tensor",
                 "",
                 "blocks.1.ffn.3.weight",
                 {4},
                 kTwoHeads,
                 "tensor blocks.1.ffn.3.weight is not known: a Wan 2.1 transformer does not have "
                 "it"},
        BadModel{"a_lora",
                 "",
                 "diffusion_model.blocks.1.ffn.0.lora_A.weight",
                 {4},
                 kTwoHeads,
                 "tensor diffusion_model.blocks.1.ffn.0.lora_A.weight is of a LoRA that was not "
                 "merged into the model"},
        BadModel{"a_block_far_away",
                 "",
                 "blocks.7.modulation",
                 {4},
                 kTwoHeads,
                 "block 2 of blocks 0 to 7 (and 4 more) is missing"},
        BadModel{"a_block_over_the_limit",
                 "",
                 "blocks.1000.modulation",
                 {4},
                 kTwoHeads,
                 "tensor blocks.1000.modulation is of a block over the limit of 1000"},
        BadModel{"fewer_layers_than_stated",
                 "",
                 "",
                 {},
                 R"({"transformer": {"num_heads": 2, "num_layers": 3}})",
                 "config.transformer.num_layers is 3, but its tensors have 2"},
        BadModel{"another_text_dim_than_stated",
                 "",
                 "",
                 {},
                 R"({"transformer": {"num_heads": 2, "text_dim": 64}})",
                 "config.transformer.text_dim is 64, but its tensors have 6"},
        BadModel{"another_model", "head.modulation", "", {}, kTwoHeads, "no Wan transformer"},
        BadModel{"heads_do_not_divide",
                 "",
                 "",
                 {},
                 R"({"transformer": {"num_heads": 5}})",
                 "5 heads do not divide a width of 16"},
        BadModel{"heads_are_text",
                 "",
                 "",
                 {},
                 R"({"transformer": {"num_heads": "2"}})",
                 "config.transformer.num_heads is \"2\""},
        BadModel{"no_heads",
                 "",
                 "",
                 {},
                 R"({"transformer": {"num_heads": 0}})",
                 "config.transformer.num_heads is 0"},
        BadModel{
            "config_is_no_json", "", "", {}, "heads", "the metadata's config: line 1, column 1: "},
        BadModel{
            "config_is_a_list", "", "", {}, "[]", "the metadata's config is not a JSON object"},
        BadModel{"config_is_deep",
                 "",
                 "",
                 {},
                 R"({"transformer": {"num_heads": )" + deep_json() + "}}",
                 "the metadata's config: nested deeper than 64"},
        BadModel{"a_tensor_is_missing",
                 "blocks.1.ffn.2.bias",
                 "",
                 {},
                 kTwoHeads,
                 "tensor blocks.1.ffn.2.bias is missing"},
        BadModel{"a_tensor_has_another_shape",
                 "",
                 "blocks.1.norm3.weight",
                 {15},
                 kTwoHeads,
                 "tensor blocks.1.norm3.weight has shape [15], not [16]"}),
    [](const auto& row) { return std::string(row.param.why); });

// The network is built from its table, so a row stands for every tensor of a file, in its layer.
TEST(WanWeights, AreTheTensorsOfAFile) {
  const TempDir folder;
  const SmallDit shape{.layers = 3};
  const Weights weights =
      saved(folder / "dit.safetensors", random_dit(shape, 1), dit_metadata(shape));
  const WeightTable table = wan_weights(detect_wan_config(weights), at::kBFloat16);
  EXPECT_EQ(table.rows().size(), weights.names().size());
  for (const std::string& name : weights.names()) {
    const TensorRow& row = table.rows()[table.index_of(name)];
    EXPECT_EQ(row.shape, weights.shape(name)) << name;
    const bool in_a_block = name.starts_with("blocks.");
    EXPECT_EQ(row.layer, in_a_block ? name[7] - '0' : TensorRow::kNoLayer) << name;
    const bool of_a_product = in_a_block && name.find("norm") == std::string::npos &&
                              name.find("modulation") == std::string::npos;
    EXPECT_EQ(row.dtype, of_a_product ? at::kBFloat16 : at::kFloat) << name;
  }
}

TEST(WanMemory, CountsEveryWeight) {
  const SmallModel model;
  const NetworkMemory memory = wan_memory(model.dit.config(), at::kFloat, 100);
  std::int64_t bytes = 0;
  for (const std::string& name : model.weights.names()) {
    bytes += c10::multiply_integers(model.weights.shape(name)) * 4;
  }
  EXPECT_EQ(memory.layers, model.shape.layers);
  EXPECT_EQ(memory.weights(), bytes);
  // Of the keys that a prompt of Wan becomes, of 512 rows; beside it the one of the guidance.
  const std::int64_t rows = 2 * 2 * model.shape.layers * 512;
  EXPECT_EQ(memory.prompts, rows * model.dit.config().dim * 4);
  EXPECT_EQ(memory.forward, 100 * wan_memory(model.dit.config(), at::kFloat, 1).forward);
}

// Of an fp8 file; one matrix at a time stands beside them as products take it.
TEST(WanMemory, CountsMatricesAsTheyAreKept) {
  const TempDir folder;
  Tensors tensors = random_dit({}, 1);
  for (auto& [name, values] : tensors) {
    if (name.starts_with("blocks.") && values.dim() == 2) {
      values = values.to(at::kFloat8_e4m3fn);
    }
  }
  const Weights weights = saved(folder / "dit.safetensors", tensors, dit_metadata({}));
  const WanConfig config = detect_wan_config(weights);
  const auto kept = [&](const TensorRow& row) { return kept_bytes(row, weights, {}); };
  const NetworkMemory memory = wan_memory(config, at::kBFloat16, 100, kept);
  std::int64_t bytes = 0, largest = 0;
  for (const auto& [name, values] : tensors) {
    const bool in_layers = name.starts_with("blocks.");
    const bool is_bias = in_layers && name.ends_with(".bias") && name.find("norm") == name.npos;
    const std::int64_t each = in_layers && values.dim() == 2 ? 1 : is_bias ? 2 : 4;
    bytes += values.numel() * each;
    largest = each == 1 ? std::max(largest, values.numel()) : largest;
  }
  EXPECT_EQ(memory.weights(), bytes);
  EXPECT_EQ(memory.forward, wan_memory(config, at::kBFloat16, 100).forward + 3 * 2 * largest);
}

TEST(WanWeights, EachIsMissedByItsName) {
  const TempDir folder;
  const Tensors all = random_dit({}, 1);
  const WanConfig config =
      detect_wan_config(saved(folder / "dit.safetensors", all, dit_metadata({})));
  const WeightTable table = wan_weights(config, at::kFloat);
  for (const TensorRow& row : table.rows()) {
    Tensors tensors = all;
    tensors.erase(row.name);
    const Weights weights = saved(folder / "less.safetensors", tensors, dit_metadata({}));
    EXPECT_ERROR(WanDit(weights, config, at::kFloat),
                 concat("less.safetensors: tensor ", row.name, " is missing"));
  }
}

// A shard that was not copied, a bad merge: the model must not become a shallower one.
TEST(WanConfig, AMissingBlockIsNamed) {
  for (const std::int64_t missing : {0, 1, 3}) {
    const TempDir folder;
    Tensors tensors = random_dit({.layers = 5}, 1);
    std::erase_if(tensors, [&](const auto& entry) {
      return entry.first.starts_with(concat("blocks.", missing, "."));
    });
    const Weights weights = saved(folder / "dit.safetensors", tensors, dit_metadata({}));
    EXPECT_ERROR(detect_wan_config(weights),
                 concat("dit.safetensors: block ", missing,
                        " of blocks 0 to 4 is missing; is the file or one of its shards"));
  }
}

TEST(WanDit, WrongInputsAreNamed) {
  const SmallModel model;
  DenseAttention attention;
  const WanPrompt prompt = model.dit.prepare_prompt(model.context);
  const at::Tensor t = at::full({1}, 1.0);
  const auto run = [&](at::IntArrayRef sizes, const at::Tensor& timestep) {
    model.dit.forward(at::randn(sizes), timestep, prompt, attention, {});
  };
  EXPECT_ERROR(run({1, 15, 1, 4, 4}, t),
               "latents of shape [1, 15, 1, 4, 4] are not [batch, 16, frames, height, width]");
  EXPECT_ERROR(run({1, 16, 1, 3, 4}, t), "latents of 3 rows and 4 columns: both must be even");
  EXPECT_ERROR(run({1, 16, 1, 4, 0}, t), "latents of 4 rows and 0 columns");
  EXPECT_ERROR(
      run({2, 16, 1, 4, 4}, t),
      "timesteps of shape [1] are not one for each of 2 batch rows, nor for each of their 1 "
      "frames or 4 tokens");
  EXPECT_ERROR(run({1, 16, 2, 4, 4}, at::ones({1, 3})),
               "timesteps of shape [1, 3] are not one for each of 1 batch rows, nor for each of "
               "their 2 frames or 8 tokens");
  EXPECT_ERROR(run({1, 16, 1, 4, 4}, at::ones({1, 1, 1})), "timesteps of shape [1, 1, 1] are not");
  EXPECT_ERROR(model.dit.prepare_prompt(at::randn({1, 3, 5})),
               "a context of shape [1, 3, 5] is not [batch, text_len, 6]");
  const WanPrompt two = model.dit.prepare_prompt(at::randn({2, 3, 6}));
  EXPECT_ERROR(model.dit.forward(at::randn({3, 16, 1, 2, 2}), at::ones(3), two, attention, {}),
               "a prompt of 2 rows was given with 3 batch rows");
}

// One time or the same for all frames or tokens: the same sums.
TEST(WanDit, EqualTimesAreOneTime) {
  const SmallModel model;
  DenseAttention attention;
  const auto at_times = [&](const at::Tensor& times) {
    return model.dit.forward(model.x, times, model.context, attention, {});
  };
  const at::Tensor one = at_times(at::full({1}, 300.0));
  for (const std::int64_t count : {2, 12}) {
    EXPECT_LE(worst_difference(at_times(at::full({1, count}, 300.0)), one), 1e-5) << count;
    at::Tensor other = at::full({1, count}, 300.0);
    other[0][0] = 0.0;
    EXPECT_GT(worst_difference(at_times(other), one), 1e-2) << count;
  }
}

// Writes down where it is called.
class Recorder final : public SelfAttention {
 public:
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionSite& site) override {
    sites.push_back(site);
    weights.push_back(site.output_weight());
    gates.push_back(site.gate == nullptr ? at::Tensor() : site.gate->clone());
    residuals.push_back(site.residual->clone());
    outs.push_back(dense.run(q, k, v, site));
    return outs.back();
  }
  DenseAttention dense;
  std::vector<AttentionSite> sites;
  std::vector<at::Tensor> weights, gates, residuals, outs;
};

TEST(WanDit, SitesSayWhereACallStands) {
  const SmallModel model;
  Recorder recorder;
  StepInfo step;
  step.t = 0.3;
  step.expert = 1;
  model.run(recorder, step);
  ASSERT_EQ(recorder.sites.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(recorder.sites[i].layer, static_cast<std::int32_t>(i));
    EXPECT_EQ(recorder.sites[i].expert, 1);
    EXPECT_EQ(recorder.sites[i].stack, 0);
    EXPECT_EQ(recorder.sites[i].t, 0.3);
    EXPECT_EQ(recorder.outs[i].sizes(), (at::IntArrayRef{1, 2, 12, 8}));
    EXPECT_EQ(recorder.gates[i].sizes(), (at::IntArrayRef{1, 16}));
    EXPECT_EQ(recorder.gates[i].scalar_type(), at::kFloat);
    EXPECT_EQ(recorder.residuals[i].sizes(), (at::IntArrayRef{1, 12, 16}));
    EXPECT_TRUE(
        recorder.weights[i].equal(model.weights.get(concat("blocks.", i, ".self_attn.o.weight"))));
  }
  EXPECT_GT(worst_difference(recorder.residuals[0], recorder.residuals[1]), 0.0);
}

// What a profiler relies on: the gated projection of a call's output is what the block adds, also
// where tokens have times of their own.
class WanDitTimes : public ::testing::TestWithParam<std::int64_t> {};
TEST_P(WanDitTimes, GateAndWeightReproduceWhatAttentionAdds) {
  constexpr std::int64_t kTokens = 12;
  const TempDir folder;
  Tensors tensors = random_dit({.layers = 1}, 3);
  // With the other two branches silenced, the block adds its attention alone.
  for (const char* name :
       {"blocks.0.cross_attn.o.weight", "blocks.0.cross_attn.o.bias", "blocks.0.ffn.2.weight",
        "blocks.0.ffn.2.bias", "blocks.0.self_attn.o.bias"}) {
    tensors[name].zero_();
  }
  // A second block shows the residual stream after the first.
  for (const auto& [name, tensor] : Tensors(tensors)) {
    if (name.starts_with("blocks.0.")) {
      tensors["blocks.1." + name.substr(9)] = tensor;
    }
  }
  const Weights weights = saved(folder / "dit.safetensors", tensors, dit_metadata({}));
  const WanDit dit(weights, detect_wan_config(weights), at::kFloat);
  Recorder recorder;
  const std::int64_t count = GetParam();
  at::Tensor times = at::full({1, count}, 500.0);
  if (count > 1) {
    times[0][0] = 0.0;
  }
  dit.forward(at::randn({1, 16, 2, 4, 6}), count == 1 ? times[0] : times, at::randn({1, 2, 6}),
              recorder, {});
  ASSERT_EQ(recorder.gates[0].sizes(), (at::IntArrayRef{count, 16}));
  const at::Tensor gates = recorder.gates[0].repeat_interleave(kTokens / count, 0);
  const at::Tensor joined = recorder.outs[0].transpose(1, 2).flatten(2);
  const at::Tensor added = at::matmul(joined, recorder.weights[0].t()) * gates;
  const at::Tensor seen = recorder.residuals[1] - recorder.residuals[0];
  EXPECT_LE(worst_difference(added, seen),
            32 * 0x1p-24 * recorder.residuals[1].abs().max().item<double>());
  EXPECT_GT(seen.abs().max().item<double>(), 0.01);
}
INSTANTIATE_TEST_SUITE_P(Counts, WanDitTimes, ::testing::Values(1, 2, 12),
                         [](const auto& row) { return concat("of_", row.param); });

TEST(WanDit, APreparedPromptGivesTheSameBits) {
  const SmallModel model;
  DenseAttention attention;
  const WanPrompt prompt = model.dit.prepare_prompt(model.context);
  const at::Tensor first = model.dit.forward(model.x, at::full({1}, 300.0), prompt, attention, {});
  EXPECT_TRUE(first.equal(model.run(attention)));
  EXPECT_TRUE(first.equal(model.dit.forward(model.x, at::full({1}, 300.0), prompt, attention, {})))
      << "a forward changed the prompt";
}

TEST(WanDit, BatchRowsDoNotSeeEachOther) {
  const SmallModel model;
  Recorder recorder;
  const at::Tensor x = at::cat({model.x, at::randn_like(model.x)});
  const at::Tensor t = at::tensor({300.0, 20.0});
  const WanPrompt prompt = model.dit.prepare_prompt(model.context);  // one row for both
  const at::Tensor both = model.dit.forward(x, t, prompt, recorder, {});
  EXPECT_FALSE(recorder.gates[0].defined()) << "one gate cannot stand for two rows";
  for (std::int64_t row = 0; row < 2; ++row) {
    const at::Tensor alone =
        model.dit.forward(x.narrow(0, row, 1), t.narrow(0, row, 1), prompt, recorder, {});
    EXPECT_LE(worst_difference(both.narrow(0, row, 1), alone),
              1e-5 * alone.abs().max().item<double>());
  }
}

TEST(WanDit, GridsMayChangeBetweenCalls) {
  const SmallModel model;
  DenseAttention attention;
  const at::Tensor before = model.run(attention);
  model.dit.forward(at::randn({1, 16, 3, 2, 2}), at::full({1}, 300.0), model.context, attention,
                    {});
  EXPECT_TRUE(before.equal(model.run(attention)));
}

TEST(WanDit, StopsWhenAsked) {
  const SmallModel model;
  DenseAttention attention;
  std::stop_source source;
  source.request_stop();
  StepInfo step;
  step.stop = source.get_token();
  EXPECT_THROW(model.run(attention, step), Cancelled);
}

// bf16 keeps 8 bits and fp16 11: the result may differ by a few of its roundings for each layer,
// not more and not by nothing.
class HalfWanDit : public ::testing::TestWithParam<at::ScalarType> {};
INSTANTIATE_TEST_SUITE_P(Dtypes, HalfWanDit, ::testing::Values(at::kBFloat16, at::kHalf),
                         [](const auto& row) { return std::string(c10::toString(row.param)); });
TEST_P(HalfWanDit, StaysNearFp32) {
  const SmallModel model;
  DenseAttention attention;
  const double rounding = GetParam() == at::kHalf ? 0x1p-11 : 0x1p-8;
  const WanDit half(model.weights, detect_wan_config(model.weights), GetParam());
  const at::Tensor exact = model.run(attention);
  const at::Tensor rounded =
      half.forward(model.x, at::full({1}, 300.0), model.context, attention, {});
  EXPECT_EQ(rounded.scalar_type(), at::kFloat);
  const double relative = ((rounded - exact).norm() / exact.norm()).item<double>();
  EXPECT_LT(relative, 4 * rounding);
  EXPECT_GT(relative, rounding * rounding);
}

}  // namespace
}  // namespace twill::engine
