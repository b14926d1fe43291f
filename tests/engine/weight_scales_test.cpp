// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "weight_scales.h"

#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include "engine_support.h"

namespace twill::engine {
namespace {

using testing::deep_json;
using testing::saved;
using testing::TempDir;
using testing::Tensors;

constexpr const char* kFp8 = R"({"format": "float8_e4m3fn"})";

at::Tensor as_bytes(const std::string& text) {
  at::Tensor bytes = at::empty({static_cast<std::int64_t>(text.size())}, at::kByte);
  std::copy(text.begin(), text.end(), bytes.mutable_data_ptr<std::uint8_t>());
  return bytes;
}

// A weight and its parts: stored * scale is near the weight.
struct Scaled {
  at::Tensor weight = at::randn({6, 4}) * 100;
  at::Tensor scale = weight.abs().max() / 448;
  at::Tensor stored = (weight / scale).to(at::kFloat8_e4m3fn);
  at::Tensor row_scale = weight.abs().amax({1}, true) / 448;
  at::Tensor by_row = (weight / row_scale).to(at::kFloat8_e4m3fn);
};

class ScaleForms : public ::testing::TestWithParam<const char*> {};

std::pair<Tensors, std::map<std::string, std::string>> file_of(const std::string& form,
                                                               const Scaled& x) {
  Tensors tensors{{"x.weight", x.stored}, {"x.bias", at::ones(6)}};
  std::map<std::string, std::string> metadata;
  if (form.starts_with("old")) {
    tensors["scaled_fp8"] =
        at::empty({form == "old_two_element_marker" ? 2 : 0}, x.stored.options());
    tensors["x.scale_weight"] = x.scale.reshape({1});
    tensors["x.scale_input"] = at::full({1}, 3.0);
  } else {
    tensors["x.weight_scale"] = form == "new_half_scale" ? x.scale.to(at::kHalf) : x.scale;
    tensors["x.input_scale"] = at::tensor(3.0f);
  }
  if (form == "new_by_row") {
    tensors["x.weight"] = x.by_row;
    tensors["x.weight_scale"] = x.row_scale;
  }
  if (form == "new_with_format") {
    tensors["x.comfy_quant"] =
        as_bytes(R"({"format": "float8_e4m3fn", "full_precision_matrix_mult": true})");
  }
  if (form == "new_in_the_header") {
    metadata["_quantization_metadata"] =
        concat(R"({"format_version": "1.0", "layers": {"model.diffusion_model.x": )", kFp8, "}}");
  }
  return {tensors, metadata};
}

TEST_P(ScaleForms, AreApplied) {
  const TempDir folder;
  const Scaled x;
  const std::string form = GetParam();
  const auto [tensors, metadata] = file_of(form, x);
  const Weights weights = saved(folder / "a.safetensors", tensors, metadata);
  const at::Tensor read = weights.get("x.weight", {6, 4}, at::kFloat);
  const at::Tensor scale = form == "new_by_row" ? x.row_scale
                           : tensors.contains("x.weight_scale")
                               ? tensors.at("x.weight_scale").to(at::kFloat)
                               : x.scale;
  const at::Tensor stored = tensors.at("x.weight");
  EXPECT_TRUE(read.equal(stored.to(at::kFloat) * scale));
  // e4m3fn keeps 4 bits, so half of the last one is lost, and below 2^-6 as much as there; a scale
  // in half precision adds its own rounding.
  const at::Tensor lost = (read - x.weight).abs();
  const at::Tensor allowed = x.weight.abs() * (0x1p-4 + 0x1p-10) + x.scale * 0x1p-9;
  EXPECT_TRUE((lost <= allowed).all().item<bool>());
  weights.get("x.bias", {6}, at::kFloat);
  weights.check_all_used("a test");
  // The stored values are there too, for whoever wants them.
  EXPECT_TRUE(weights.get("x.weight").to(at::kFloat).equal(stored.to(at::kFloat)));
}
INSTANTIATE_TEST_SUITE_P(Files, ScaleForms,
                         ::testing::Values("old", "old_two_element_marker", "new", "new_by_row",
                                           "new_half_scale", "new_with_format",
                                           "new_in_the_header"),
                         [](const auto& row) { return std::string(row.param); });

TEST(WeightScales, UnscaledFp8IsReadAsItIs) {
  const TempDir folder;
  const at::Tensor stored = at::randn({4, 4}).to(at::kFloat8_e5m2);
  const Weights weights = saved(folder / "a.safetensors", {{"x.weight", stored}});
  EXPECT_TRUE(weights.get("x.weight", {4, 4}, at::kFloat).equal(stored.to(at::kFloat)));
}

const std::string kDeepLayers = R"({"layers":)" + deep_json() + "}";
struct BadScale {
  const char* why;
  Tensors changed;
  const char* metadata;
  const char* part;
};
void PrintTo(const BadScale& bad, std::ostream* out) { *out << bad.why; }
class WeightScalesRefuse : public ::testing::TestWithParam<BadScale> {};
TEST_P(WeightScalesRefuse, AndNameTheTensor) {
  const TempDir folder;
  const Scaled x;
  Tensors tensors{{"x.weight", x.stored}};
  for (const auto& [name, tensor] : GetParam().changed) {
    tensors[name] = tensor;
  }
  std::map<std::string, std::string> metadata;
  if (GetParam().metadata != nullptr) {
    metadata["_quantization_metadata"] = GetParam().metadata;
  }
  EXPECT_ERROR(
      saved(folder / "a.safetensors", tensors, metadata).get("x.weight", {6, 4}, at::kFloat),
      std::string("a.safetensors: ") + GetParam().part);
}

at::Tensor one() { return at::ones({1}); }
at::Tensor bytes_of_nvfp4() { return at::zeros({6, 2}, at::kByte); }

INSTANTIATE_TEST_SUITE_P(
    Files, WeightScalesRefuse,
    ::testing::Values(
        BadScale{
            "an_unknown_format",
            {{"x.comfy_quant", as_bytes(R"({"format": "nvfp4"})")}},
            nullptr,
            "tensor x.comfy_quant says format \"nvfp4\"; known are float8_e4m3fn and float8_e5m2"},
        BadScale{"a_flag_that_changes_the_weights",
                 {{"x.comfy_quant", as_bytes(R"({"format": "float8_e4m3fn", "convrot": true})")},
                  {"x.weight_scale", one()}},
                 nullptr,
                 "tensor x.comfy_quant has \"convrot\", which is not supported"},
        BadScale{"a_format_that_is_no_json",
                 {{"x.comfy_quant", as_bytes("fp8")}},
                 nullptr,
                 "tensor x.comfy_quant: line 1, column 2: not JSON"},
        BadScale{"a_format_that_is_a_list",
                 {{"x.comfy_quant", as_bytes("[]")}},
                 nullptr,
                 "tensor x.comfy_quant is no JSON object with a format"},
        BadScale{"deep_layers",
                 {},
                 kDeepLayers.c_str(),
                 "the metadata's _quantization_metadata: nested deeper than 64"},
        BadScale{"a_format_of_another_dtype",
                 {{"x.comfy_quant", as_bytes(R"({"format": "float8_e5m2"})")},
                  {"x.weight_scale", one()}},
                 nullptr,
                 "tensor x.comfy_quant says float8_e5m2, but tensor x.weight has dtype F8_E4M3"},
        BadScale{"a_format_of_no_weight",
                 {{"y.comfy_quant", as_bytes(kFp8)}},
                 nullptr,
                 "tensor y.comfy_quant speaks of tensor y.weight, which is missing"},
        BadScale{"a_format_without_its_scale",
                 {{"x.comfy_quant", as_bytes(kFp8)}},
                 nullptr,
                 "tensor x.weight is stated to be scaled, but tensor x.weight_scale is missing"},
        BadScale{"a_header_without_the_scale",
                 {},
                 R"({"layers": {"x": {"format": "float8_e4m3fn"}}})",
                 "tensor x.weight is stated to be scaled, but tensor x.weight_scale is missing"},
        BadScale{"a_header_with_an_unknown_format",
                 {},
                 R"({"layers": {"x": {"format": "mxfp8"}}})",
                 "the metadata's _quantization_metadata[\"x\"] says format \"mxfp8\""},
        BadScale{"a_header_of_another_kind",
                 {},
                 "[1]",
                 "the metadata's _quantization_metadata is no JSON object with layers"},
        BadScale{"a_marker_without_scales",
                 {{"scaled_fp8", at::empty({0}, at::kFloat8_e4m3fn)}},
                 nullptr,
                 "tensor x.weight is of a file with scaled_fp8, but has no scale: tensor "
                 "x.scale_weight is missing"},
        BadScale{"two_scales",
                 {{"x.scale_weight", one()}, {"x.weight_scale", one()}},
                 nullptr,
                 "tensor x.weight_scale is a second scale of tensor x.weight"},
        BadScale{"a_scale_of_packed_bytes",
                 {{"x.weight", bytes_of_nvfp4()}, {"x.weight_scale", one()}},
                 nullptr,
                 "tensor x.weight_scale scales tensor x.weight of dtype U8; only scales of fp8"},
        BadScale{"a_scale_of_blocks",
                 {{"x.weight_scale", at::ones({6, 2})}},
                 nullptr,
                 "tensor x.weight_scale has dtype F32 and shape [6, 2]: neither one number nor one "
                 "for each row of tensor x.weight"},
        BadScale{"one_axis_that_could_be_either",
                 {{"x.weight_scale", at::ones({6})}},
                 nullptr,
                 "tensor x.weight_scale has dtype F32 and shape [6]: neither one number"},
        BadScale{"a_scale_of_integers",
                 {{"x.weight_scale", at::ones({1}, at::kByte)}},
                 nullptr,
                 "tensor x.weight_scale has dtype U8 and shape [1]"},
        BadScale{
            "a_scale_of_zero",
            {{"x.weight_scale", at::zeros({1})}},
            nullptr,
            "tensor x.weight_scale holds a scale of tensor x.weight that is not a number above 0"},
        BadScale{
            "a_scale_that_is_no_number",
            {{"x.weight_scale", at::full({1}, std::numeric_limits<double>::quiet_NaN())}},
            nullptr,
            "tensor x.weight_scale holds a scale of tensor x.weight that is not a number above 0"}),
    [](const auto& row) { return std::string(row.param.why); });

// A scale beside no weight is no scale: it is named like every tensor that nothing asks for.
TEST(WeightScales, AScaleOfNothingIsNamed) {
  const TempDir folder;
  const Weights weights = saved(folder / "a.safetensors", {{"x.weight_scale", one()}});
  EXPECT_ERROR(weights.check_all_used("a test"),
               "a.safetensors: tensor x.weight_scale is not known: a test does not have it");
}

}  // namespace
}  // namespace twill::engine
