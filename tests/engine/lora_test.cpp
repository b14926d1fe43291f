// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/lora.h"

#include <fstream>
#include <functional>
#include <limits>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "engine_support.h"
#include "lora_names.h"
#include "lora_scales.h"
#include "twill/engine/model.h"
#include "twill/engine/wan_dit.h"
#include "twill/engine/weight_table.h"

namespace twill::engine {
namespace {

using testing::saved;
using testing::TempDir;
using testing::Tensors;
using testing::worst_difference;

constexpr std::int64_t kOut = 5;
constexpr std::int64_t kIn = 3;
constexpr std::int64_t kRank = 2;
constexpr const char* kRow = "blocks.0.ffn.0.weight";

WeightTable small_table(at::ScalarType dtype = at::kFloat) {
  return WeightTable({{.name = kRow, .shape = {kOut, kIn}, .dtype = dtype},
                      {.name = "blocks.0.ffn.0.bias", .shape = {kOut}},
                      {.name = "blocks.0.modulation", .shape = {1, 6, kIn}},
                      {.name = "norm.weight", .shape = {kIn}},
                      {.name = "patch.weight", .shape = {kOut, 2, 1, 2, 2}}});
}

std::string same_name(std::string_view name) { return std::string(name); }

Lora fitted(const std::filesystem::path& file, const Tensors& tensors, double strength = 1.0,
            const std::map<std::string, std::string>& metadata = {},
            const std::function<std::string(std::string_view)>& names = same_name) {
  write_safetensors(file, tensors, metadata);
  return Lora({.file = file, .strength = strength}, small_table(), names);
}

// What merge() adds to zeros.
at::Tensor added(const Lora& lora, const std::string& row = kRow) {
  const WeightTable table = small_table();
  at::Tensor weight = at::zeros(table.rows()[table.index_of(row)].shape);
  EXPECT_TRUE(lora.changes(row));
  lora.merge(row, weight);
  return weight;
}

struct Factors {
  at::Tensor up = at::randn({kOut, kRank});
  at::Tensor down = at::randn({kRank, kIn});

  // In double, from the definition.
  at::Tensor product(double scale) const {
    return (up.to(at::kDouble).matmul(down.to(at::kDouble)) * scale).to(at::kFloat);
  }
};

double rounding(const at::Tensor& exact) {
  return 4 * static_cast<double>(std::numeric_limits<float>::epsilon()) *
         exact.abs().max().item<double>();
}

TEST(LoraNames, EveryEndingIsReadAndKnownAsOfALora) {
  std::set<LoraPart> parts;
  for (const LoraEnding& ending : kLoraEndings) {
    const std::string name = concat("blocks.0.ffn.0", ending.ending);
    const std::optional<LoraName> read = read_lora_name(name);
    ASSERT_TRUE(read) << name;
    EXPECT_EQ(read->module, "blocks.0.ffn.0") << name;
    EXPECT_EQ(read->part, ending.part) << name;
    EXPECT_TRUE(is_of_lora(name)) << name;
    EXPECT_FALSE(read_lora_name(ending.ending)) << name;
    parts.insert(ending.part);
  }
  EXPECT_EQ(parts.size(), 7U);
  for (const char* plain : {"blocks.0.ffn.0.weight", "blocks.0.modulation", "alpha", "a.diffuse"}) {
    EXPECT_FALSE(is_of_lora(plain)) << plain;
  }
}

TEST(Lora, EveryNamingOfFactorsMakesTheirProduct) {
  const TempDir folder;
  const Factors factors;
  for (std::size_t i = 0; i + 1 < kLoraEndings.size(); ++i) {
    if (kLoraEndings[i].part != LoraPart::kDown) {
      continue;
    }
    ASSERT_EQ(kLoraEndings[i + 1].part, LoraPart::kUp);
    for (const char* module : {"blocks.0.ffn.0", "diffusion_model.blocks.0.ffn.0",
                               "model.diffusion_model.blocks.0.ffn.0", "transformer.blocks.0.ffn.0",
                               "base_model.model.blocks.0.ffn.0", "lora_unet_blocks_0_ffn_0",
                               "lora_unet__blocks_0_ffn_0"}) {
      const Lora lora = fitted(folder / "a.safetensors",
                               {{concat(module, kLoraEndings[i].ending), factors.down},
                                {concat(module, kLoraEndings[i + 1].ending), factors.up}},
                               0.75);
      const at::Tensor exact = factors.product(0.75);
      EXPECT_LE(worst_difference(added(lora), exact), rounding(exact))
          << module << kLoraEndings[i].ending;
      EXPECT_EQ(lora.note(), "");
    }
  }
}

TEST(Lora, AlphaOverTheRankIsTheScale) {
  const TempDir folder;
  const Factors x;
  const Tensors pair{{"blocks.0.ffn.0.lora_A.weight", x.down},
                     {"blocks.0.ffn.0.lora_B.weight", x.up}};
  const auto scale_is = [&](double scale, Tensors tensors, const char* metadata) {
    tensors.insert(pair.begin(), pair.end());
    std::map<std::string, std::string> header;
    if (metadata != nullptr) {
      header["lora_adapter_metadata"] = metadata;
    }
    const at::Tensor exact = x.product(scale);
    EXPECT_LE(
        worst_difference(added(fitted(folder / "a.safetensors", tensors, 1.0, header)), exact),
        rounding(exact))
        << (metadata != nullptr ? metadata : "");
  };
  const Tensors three{{"blocks.0.ffn.0.alpha", at::tensor(3.0f)}};
  scale_is(1.0, {}, nullptr);
  scale_is(1.5, three, nullptr);
  scale_is(2.5, {{"blocks.0.ffn.0.alpha", at::tensor(std::int64_t{5})}}, nullptr);
  scale_is(4.0, {}, R"({"transformer.r": 2, "transformer.lora_alpha": 8})");
  scale_is(4.0, {}, R"({"r": 2, "lora_alpha": 8, "target_modules": ["ffn.0"], "bias": "none"})");
  // What stands beside the tensors is nearer.
  scale_is(1.5, three, R"({"r": 2, "lora_alpha": 8})");
  scale_is(0.5, {}, R"({"r": 9, "lora_alpha": 8, "rank_pattern": {"ffn.0": 2},
                        "alpha_pattern": {"fn.0": 7, "blocks.0.ffn.0": 1}})");
  scale_is(8.0 / std::sqrt(2.0), {}, R"({"r": 2, "lora_alpha": 8, "use_rslora": true})");
  scale_is(1.0, {}, R"({"text_encoder.r": 2, "text_encoder.lora_alpha": 8})");
}

TEST(Lora, DifferencesAndReplacementsOfEveryKindOfTensor) {
  const TempDir folder;
  const at::Tensor bias = at::randn({kOut});
  const at::Tensor modulation = at::randn({1, 6, kIn});
  const at::Tensor norm = at::randn({kIn});
  const at::Tensor set = at::randn({kOut, kIn});
  const at::Tensor patch = at::randn({kOut, 2, 1, 2, 2});
  const Lora lora = fitted(folder / "a.safetensors",
                           {{"diffusion_model.blocks.0.ffn.0.diff_b", bias},
                            {"diffusion_model.blocks.0.diff_m", modulation},
                            {"diffusion_model.norm.diff", norm.to(at::kHalf)},
                            {"diffusion_model.blocks.0.ffn.0.set_weight", set},
                            {"diffusion_model.patch.diff", patch}},
                           0.5);
  EXPECT_TRUE(added(lora, "blocks.0.ffn.0.bias").equal(bias * 0.5));
  EXPECT_TRUE(added(lora, "blocks.0.modulation").equal(modulation * 0.5));
  EXPECT_TRUE(added(lora, "norm.weight").equal(norm.to(at::kHalf).to(at::kFloat) * 0.5));
  EXPECT_TRUE(added(lora, "patch.weight").equal(patch * 0.5));
  EXPECT_TRUE(added(lora).equal(set));  // whatever the strength
  const Lora by_name =
      fitted(folder / "b.safetensors", {{"transformer.blocks.0.modulation.diff", modulation}});
  EXPECT_TRUE(added(by_name, "blocks.0.modulation").equal(modulation));
}

TEST(Lora, FactorsOfAConvolutionMayBeFlatOrWhole) {
  const TempDir folder;
  const at::Tensor up = at::randn({kOut, kRank});
  const at::Tensor down = at::randn({kRank, 8});
  const at::Tensor exact =
      up.to(at::kDouble).matmul(down.to(at::kDouble)).to(at::kFloat).view({kOut, 2, 1, 2, 2});
  for (const bool whole : {false, true}) {
    const Lora lora =
        fitted(folder / "a.safetensors",
               {{"patch.lora_up.weight", whole ? up.view({kOut, kRank, 1, 1, 1}) : up},
                {"patch.lora_down.weight", whole ? down.view({kRank, 2, 1, 2, 2}) : down}});
    EXPECT_LE(worst_difference(added(lora, "patch.weight"), exact), rounding(exact));
  }
}

TEST(Lora, APairAndADifferenceOfOneWeightAddUp) {
  const TempDir folder;
  const Factors x;
  const at::Tensor diff = at::randn({kOut, kIn});
  const Lora lora = fitted(folder / "a.safetensors", {{"blocks.0.ffn.0.lora_A.weight", x.down},
                                                      {"blocks.0.ffn.0.lora_B.weight", x.up},
                                                      {"blocks.0.ffn.0.diff", diff}});
  const at::Tensor exact = x.product(1.0) + diff;
  EXPECT_LE(worst_difference(added(lora), exact), rounding(exact));
}

// A tensor that is taken as bf16 is rounded once: after all LoRAs, not before or between them.
TEST(TableReader, LorasAreAddedInFp32AndRoundedOnce) {
  const TempDir folder;
  const Factors x;
  const Tensors pair{{"blocks.0.ffn.0.lora_A.weight", x.down * 0.01},
                     {"blocks.0.ffn.0.lora_B.weight", x.up}};
  const at::Tensor weight = at::randn({kOut, kIn});
  const WeightTable all = small_table();
  const WeightTable table({{.name = kRow, .shape = {kOut, kIn}, .dtype = at::kBFloat16}});
  std::vector<Lora> loras;
  for (const double strength : {0.25, 0.5, 0.0}) {
    loras.push_back(fitted(folder / concat(strength, ".safetensors"), pair, strength));
  }
  for (const at::ScalarType stored : {at::kFloat, at::kBFloat16, at::kFloat8_e4m3fn}) {
    const Weights weights = saved(folder / "w.safetensors", {{kRow, weight.to(stored)}});
    TableReader reader(weights, table, at::kCPU, loras);
    const at::Tensor exact = weight.to(stored).to(at::kDouble) +
                             0.75 * x.up.to(at::kDouble).matmul((x.down * 0.01).to(at::kDouble));
    const at::Tensor taken = reader.take(kRow);
    ASSERT_EQ(taken.scalar_type(), at::kBFloat16);
    const at::Tensor error = (taken.to(at::kDouble) - exact).abs();
    EXPECT_TRUE((error <= exact.abs() * (1.0 / 256 + 1e-5)).all().item<bool>()) << error;
  }
}

TEST(Lora, WhatFitsNothingIsCountedAndNamed) {
  const TempDir folder;
  const Tensors fits{{"norm.diff", at::ones({kIn})}};
  EXPECT_EQ(fitted(folder / "a.safetensors", fits).note(), "");
  Tensors one = fits;
  one["blocks.0.k_img.lora_A.weight"] = at::ones({1, 1});
  EXPECT_EQ(fitted(folder / "a.safetensors", one).note(),
            (folder / "a.safetensors").string() +
                ": 1 of 2 tensors fits nothing in this network and is left out, the first is "
                "blocks.0.k_img.lora_A.weight");
  for (const char* name : {"text_encoder.a.alpha", "blocks.9.ffn.0.diff", "norm.diff_b", "other"}) {
    one[name] = at::ones({1});
  }
  EXPECT_EQ(fitted(folder / "a.safetensors", one).note(),
            (folder / "a.safetensors").string() +
                ": 5 of 6 tensors fit nothing in this network and are left out, the first are "
                "blocks.0.k_img.lora_A.weight, blocks.9.ffn.0.diff, norm.diff_b");
  // An alpha without factors scales nothing.
  EXPECT_NE(fitted(folder / "a.safetensors",
                   {{"norm.diff", at::ones({kIn})}, {"blocks.0.ffn.0.alpha", at::ones({1})}})
                .note()
                .find("1 of 2 tensors fits nothing"),
            std::string::npos);
}

struct Refused {
  const char* why;
  Tensors tensors;
  const char* metadata;
  const char* part;
};

void PrintTo(const Refused& refused, std::ostream* out) { *out << refused.why; }

class RefusedLora : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedLora, IsTold) {
  const TempDir folder;
  std::map<std::string, std::string> metadata;
  if (*GetParam().metadata != '\0') {
    metadata["lora_adapter_metadata"] = GetParam().metadata;
  }
  EXPECT_ERROR(added(fitted(folder / "a.safetensors", GetParam().tensors, 1.0, metadata)),
               concat((folder / "a.safetensors").string(), ": ", GetParam().part));
}

at::Tensor one() { return at::ones({1}); }
Tensors pair_of(std::vector<std::int64_t> up = {kOut, kRank},
                std::vector<std::int64_t> down = {kRank, kIn}) {
  return {{"blocks.0.ffn.0.lora_B.weight", at::ones(up)},
          {"blocks.0.ffn.0.lora_A.weight", at::ones(down)}};
}
Tensors with(Tensors tensors, const std::string& name, const at::Tensor& tensor) {
  tensors[name] = tensor;
  return tensors;
}

INSTANTIATE_TEST_SUITE_P(
    Files, RefusedLora,
    ::testing::Values(
        Refused{"dora", with(pair_of(), "blocks.0.ffn.0.dora_scale", one()), "",
                "tensor blocks.0.ffn.0.dora_scale is of DoRA, which is not merged; use a plain "
                "LoRA"},
        Refused{"peft_dora", with(pair_of(), "blocks.0.ffn.0.lora_magnitude_vector", one()), "",
                "tensor blocks.0.ffn.0.lora_magnitude_vector is of DoRA"},
        Refused{"loha", {{"x.hada_w1_a", one()}}, "", "tensor x.hada_w1_a is of LoHa"},
        Refused{"lokr", {{"x.lokr_w1", one()}}, "", "tensor x.lokr_w1 is of LoKr"},
        Refused{"oft", {{"x.oft_blocks", one()}}, "", "tensor x.oft_blocks is of OFT"},
        Refused{"three_factors",
                {{"x.lora_mid.weight", one()}},
                "",
                "tensor x.lora_mid.weight is of a LoRA of three factors"},
        Refused{"biases",
                {{"x.lora_B.bias", one()}},
                "",
                "tensor x.lora_B.bias is of a LoRA with biases"},
        Refused{"reshaped",
                {{"x.reshape_weight", one()}},
                "",
                "tensor x.reshape_weight is of a LoRA that changes a weight's shape"},
        Refused{"a_model",
                {{"diffusion_model.norm.weight", one()}, {"head.modulation", one()}},
                "",
                "is a model, not a LoRA: it has tensor norm.weight"},
        Refused{"another_file",
                {{"frames", one()}, {"other", one()}},
                "",
                "is no LoRA: none of its 2 tensors has the name of one, the first is frames"},
        Refused{"empty", {}, "", "is no LoRA: none of its 0 tensors has the name of one"},
        Refused{"another_models",
                {{"double_blocks.0.a.lora_A.weight", one()}},
                "",
                "none of its 1 tensors fits anything in this network, the first is "
                "double_blocks.0.a.lora_A.weight; is it of another model?"},
        Refused{"half_a_pair",
                {{"blocks.0.ffn.0.lora_A.weight", at::ones({kRank, kIn})}},
                "",
                "tensor blocks.0.ffn.0.lora_A.weight has no second factor beside it"},
        Refused{"other_half",
                {{"blocks.0.ffn.0.lora_B.weight", at::ones({kOut, kRank})}},
                "",
                "tensor blocks.0.ffn.0.lora_B.weight has no first factor beside it"},
        Refused{
            "twice",
            with(pair_of(), "lora_unet_blocks_0_ffn_0.lora_down.weight", at::ones({kRank, kIn})),
            "",
            "tensor lora_unet_blocks_0_ffn_0.lora_down.weight changes the same weight in the "
            "same way as tensor blocks.0.ffn.0.lora_A.weight"},
        Refused{"another_size", pair_of({kOut + 1, kRank}), "",
                "tensor blocks.0.ffn.0.lora_B.weight has shape [6, 2] and "
                "blocks.0.ffn.0.lora_A.weight [2, 3], but blocks.0.ffn.0.weight of the network has "
                "[5, 3]"},
        Refused{"two_ranks", pair_of({kOut, 3}), "",
                "tensor blocks.0.ffn.0.lora_B.weight has shape [5, 3] and"},
        Refused{"no_matrix", pair_of({kOut}), "",
                "tensor blocks.0.ffn.0.lora_B.weight has shape [5] and"},
        Refused{"rank_of_nothing", pair_of({kOut, 0}, {0, kIn}), "",
                "tensor blocks.0.ffn.0.lora_B.weight has shape [5, 0] and"},
        Refused{"difference_of_another_size",
                {{"norm.diff", at::ones({4})}},
                "",
                "tensor norm.diff has shape [4], but norm.weight of the network has [3]"},
        Refused{"set_of_another_size",
                {{"norm.set_weight", at::ones({1, 3})}},
                "",
                "tensor norm.set_weight has shape [1, 3], but norm.weight of the network has [3]"},
        Refused{"two_alphas", with(pair_of(), "blocks.0.ffn.0.alpha", at::ones({2})), "",
                "tensor blocks.0.ffn.0.alpha is not one number"},
        Refused{"alpha_is_none",
                with(pair_of(), "blocks.0.ffn.0.alpha",
                     at::full({}, std::numeric_limits<float>::quiet_NaN())),
                "", "tensor blocks.0.ffn.0.alpha is nan, not a number"},
        Refused{"whole_numbers",
                {{"norm.diff", at::ones({kIn}, at::kLong)}},
                "",
                "tensor norm.diff does not hold floating-point numbers"},
        Refused{"not_finite",
                with(pair_of(), "blocks.0.ffn.0.lora_A.weight",
                     at::full({kRank, kIn}, std::numeric_limits<float>::infinity())),
                "", "tensor blocks.0.ffn.0.lora_A.weight holds values that are not finite"},
        Refused{"header_is_no_json", pair_of(), "{", "lora_adapter_metadata: line 1, column 2"},
        Refused{"header_is_a_list", pair_of(), "[]", "lora_adapter_metadata is not a JSON object"},
        Refused{"header_of_another_rank", pair_of(), R"({"r": 4, "lora_alpha": 4})",
                "tensor blocks.0.ffn.0.lora_A.weight is of rank 2, but the header's "
                "lora_adapter_metadata says 4"},
        Refused{"header_without_alpha", pair_of(), R"({"transformer.r": 2})",
                "lora_adapter_metadata: transformer.lora_alpha is missing"},
        Refused{"header_of_dora", pair_of(), R"({"lora_alpha": 2, "use_dora": true})",
                "lora_adapter_metadata: use_dora is true: DoRA is not merged"},
        Refused{"header_alpha_is_text", pair_of(), R"({"lora_alpha": "2"})",
                "lora_adapter_metadata: lora_alpha is \"2\", not a number from"},
        Refused{"header_flag_is_a_number", pair_of(), R"({"lora_alpha": 2, "use_rslora": 1})",
                "lora_adapter_metadata: use_rslora is 1, not true or false"},
        Refused{"header_pattern_is_an_expression", pair_of(),
                R"({"lora_alpha": 2, "alpha_pattern": {"^ffn": 1}})",
                "lora_adapter_metadata: alpha_pattern[\"^ffn\"] is a regular expression; names of "
                "modules are supported"},
        Refused{"header_pattern_of_text", pair_of(),
                R"({"lora_alpha": 2, "rank_pattern": {"ffn": "x"}})",
                "lora_adapter_metadata: rank_pattern[\"ffn\"] is \"x\", not a number from 1 to"},
        Refused{"header_patterns_are_a_list", pair_of(),
                R"({"lora_alpha": 2, "rank_pattern": [1]})",
                "lora_adapter_metadata: rank_pattern is not an object of at most 10000 entries"}),
    [](const auto& test) { return std::string(test.param.why); });

TEST(Lora, HostileHeadersAreRefusedBeforeTheyAreParsed) {
  const TempDir folder;
  const auto why = [&](const std::string& metadata) {
    fitted(folder / "a.safetensors", pair_of(), 1.0, {{"lora_adapter_metadata", metadata}});
  };
  EXPECT_ERROR(why(std::string(4'000'001, ' ')), "has 4000001 bytes, more than 4000000");
  EXPECT_ERROR(why(testing::deep_json()), "lora_adapter_metadata: nested deeper than 64");
  // Sizes whose product a number of 64 bits does not hold.
  const std::string header =
      R"({"norm.diff":{"dtype":"I8","shape":[4611686018427387904,2,0],"data_offsets":[0,0]},)"
      R"("blocks.0.ffn.0.lora_A.weight":{"dtype":"F8_E4M3","shape":[4611686018427387904,2,0],)"
      R"("data_offsets":[0,0]},"blocks.0.ffn.0.lora_B.weight":{"dtype":"F8_E4M3",)"
      R"("shape":[5,4611686018427387904,0],"data_offsets":[0,0]}})";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size() & 0xff);
  bytes[1] = static_cast<char>(header.size() >> 8);
  std::ofstream(folder / "a.safetensors", std::ios::binary) << bytes << header;
  EXPECT_ERROR(Lora({.file = folder / "a.safetensors"}, small_table(), same_name),
               "a.safetensors: tensor ");
}

TEST(Lora, OtherFilesAreToldForWhatTheyAre) {
  const TempDir folder;
  std::ofstream(folder / "a.safetensors", std::ios::binary) << "PK\x03\x04 and so on";
  EXPECT_ERROR(Lora({.file = folder / "a.safetensors"}, small_table(), same_name),
               "a.safetensors: is a zip archive, most likely a pickle of torch.save");
  EXPECT_ERROR(Lora({.file = folder / "none.safetensors"}, small_table(), same_name),
               "none.safetensors: No such file or directory");
}

TEST(Lora, AFileThatIsWrittenToMeanwhileIsNoticed) {
  const TempDir folder;
  const Lora lora = fitted(folder / "a.safetensors", pair_of());
  lora.check_unchanged();
  std::ofstream(folder / "a.safetensors", std::ios::app) << ' ';
  EXPECT_ERROR(lora.check_unchanged(), "a.safetensors: has");
}

}  // namespace
}  // namespace twill::engine
