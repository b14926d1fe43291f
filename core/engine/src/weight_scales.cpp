// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "weight_scales.h"

#include <ATen/ATen.h>

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "safetensors_header.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"

namespace twill::engine {
namespace {

using nlohmann::json;

constexpr std::int64_t kMostFormatBytes = 1 << 16;
constexpr std::string_view kMarker = "scaled_fp8";
constexpr const char* kLayersKey = "_quantization_metadata";
constexpr std::string_view kFormat = ".comfy_quant";
constexpr std::array<std::string_view, 2> kWeightScales{".scale_weight", ".weight_scale"};
constexpr std::array<std::string_view, 2> kInputScales{".scale_input", ".input_scale"};
constexpr std::array<std::pair<std::string_view, at::ScalarType>, 2> kFormats{{
    {"float8_e4m3fn", at::kFloat8_e4m3fn},
    {"float8_e5m2", at::kFloat8_e5m2},
}};

bool is_fp8(at::ScalarType dtype) {
  return dtype == at::kFloat8_e4m3fn || dtype == at::kFloat8_e5m2;
}

class Finder {
 public:
  explicit Finder(const Weights& weights) : weights_(weights) {}

  WeightScales find() {
    read_layers();
    for (const std::string& name : weights_.names()) {
      if (name.ends_with(kFormat)) {
        read_format(name);
      }
    }
    for (const std::string_view ending : kWeightScales) {
      each(ending, [this](const std::string& name, const std::string& layer) {
        add_scale(name, layer + ".weight");
      });
    }
    for (const std::string_view ending : kInputScales) {
      each(ending, [this](const std::string& name, const std::string& layer) {
        if (scales_.scale_of.contains(layer + ".weight")) {
          scales_.without_effect.push_back(name);
        }
      });
    }
    check_marker();
    for (const std::string& layer : stated_) {
      require(scales_.scale_of.contains(layer + ".weight"), ErrorCode::kFile,
              weights_.place_of(layer + ".weight"), " is stated to be scaled, but tensor ", layer,
              ".weight_scale is missing");
    }
    return std::move(scales_);
  }

 private:
  template <typename Use>
  void each(std::string_view ending, const Use& use) {
    for (const std::string& name : weights_.names()) {
      if (name.size() > ending.size() && name.ends_with(ending)) {
        use(name, name.substr(0, name.size() - ending.size()));
      }
    }
  }

  // where: the start of a message about it.
  void check_format(const json& format, const std::string& where, const std::string& layer) {
    require(format.is_object() && format.contains("format") && format["format"].is_string(),
            ErrorCode::kFile, where, " is no JSON object with a format");
    for (const auto& [key, value] : format.items()) {
      // Products run in the network's own dtype, never in 8 bits.
      const bool known =
          key == "format" || (key == "full_precision_matrix_mult" && value.is_boolean());
      require(known, ErrorCode::kUnsupported, where, " has \"", key,
              "\", which is not supported; use the model's file in fp16 or bf16");
    }
    const std::string name = format["format"].get<std::string>();
    for (const auto& [known, dtype] : kFormats) {
      if (name == known) {
        const std::string weight = layer + ".weight";
        require(weights_.contains(weight), ErrorCode::kFile, where, " speaks of tensor ", weight,
                ", which is missing");
        require(weights_.dtype(weight) == dtype, ErrorCode::kFile, where, " says ", name,
                ", but tensor ", weight, " has dtype ",
                safetensors_dtype_name(weights_.dtype(weight)));
        stated_.push_back(layer);
        return;
      }
    }
    throw Error(ErrorCode::kUnsupported,
                concat(where, " says format \"", name, "\"; known are ", kFormats[0].first, " and ",
                       kFormats[1].first, "; use the model's file in fp16 or bf16"));
  }

  void read_format(const std::string& name) {
    const std::string where = weights_.place_of(name);
    const std::vector<std::int64_t>& shape = weights_.shape(name);
    require(weights_.dtype(name) == at::kByte && shape.size() == 1 && shape[0] <= kMostFormatBytes,
            ErrorCode::kFile, where, " is not some bytes of JSON");
    const at::Tensor bytes = weights_.get(name);
    const char* text = reinterpret_cast<const char*>(bytes.const_data_ptr<std::uint8_t>());
    check_format(json_tree<json>({text, static_cast<std::size_t>(bytes.numel())}, where), where,
                 name.substr(0, name.size() - kFormat.size()));
    scales_.without_effect.push_back(name);
  }

  void read_layers() {
    const auto found = weights_.metadata().find(kLayersKey);
    if (found == weights_.metadata().end()) {
      return;
    }
    const std::string where = concat(weights_.source(), ": the metadata's ", kLayersKey);
    const json document = json_tree<json>(found->second, where);
    require(document.is_object() && document.contains("layers") && document["layers"].is_object(),
            ErrorCode::kFile, where, " is no JSON object with layers");
    for (const auto& [layer, format] : document["layers"].items()) {
      check_format(format, concat(where, "[\"", layer, "\"]"), without_prefix(layer));
    }
  }

  void add_scale(const std::string& name, const std::string& weight) {
    if (!weights_.contains(weight)) {
      return;  // a tensor that nothing asks for, and is named as such
    }
    const std::string where = weights_.place_of(name);
    require(is_fp8(weights_.dtype(weight)), ErrorCode::kUnsupported, where, " scales tensor ",
            weight, " of dtype ", safetensors_dtype_name(weights_.dtype(weight)),
            "; only scales of fp8 weights are known; use the model's file in fp16 or bf16");
    const std::vector<std::int64_t>& shape = weights_.shape(name);
    const std::vector<std::int64_t>& scaled = weights_.shape(weight);
    std::int64_t count = 1;
    for (const std::int64_t size : shape) {
      count *= size;
    }
    const bool by_row =
        scaled.size() == 2 && shape.size() == 2 && shape[0] == scaled[0] && shape[1] == 1;
    require(c10::isFloatingType(weights_.dtype(name)) && (count == 1 || by_row),
            ErrorCode::kUnsupported, where, " has dtype ",
            safetensors_dtype_name(weights_.dtype(name)), " and shape ", at::IntArrayRef(shape),
            ": neither one number nor one for each row of tensor ", weight);
    require(scales_.scale_of.emplace(weight, name).second, ErrorCode::kFile, where,
            " is a second scale of tensor ", weight);
  }

  void check_marker() {
    if (!weights_.contains(kMarker)) {
      return;
    }
    for (const std::string& name : weights_.names()) {
      require(!is_fp8(weights_.dtype(name)) || !name.ends_with(".weight") ||
                  scales_.scale_of.contains(name),
              ErrorCode::kFile, weights_.place_of(name), " is of a file with ", kMarker,
              ", but has no scale: tensor ", name.substr(0, name.size() - 7), kWeightScales[0],
              " is missing");
    }
    scales_.without_effect.emplace_back(kMarker);
  }

  const Weights& weights_;
  WeightScales scales_;
  std::vector<std::string> stated_;  // layers whose format is told
};

}  // namespace

WeightScales find_scales(const Weights& weights) { return Finder(weights).find(); }

}  // namespace twill::engine
