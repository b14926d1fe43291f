// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/model_families.h"

#include <algorithm>

#include "json_value.h"
#include "models_json.h"
#include "read_guidance.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"

namespace twill {
namespace {

constexpr std::size_t kMost = 1000;  // entries of a list

std::array<std::int32_t, 3> read_axes(const JsonValue& list) {
  std::array<std::int32_t, 3> axes{};
  if (list.size_up_to(axes.size()) != axes.size()) {
    list.fail("not frames, rows and columns");
  }
  for (std::size_t i = 0; i < axes.size(); ++i) {
    axes[i] = list[i].as_int();
    if (axes[i] < 1) {
      list[i].fail(axes[i], " is below 1");
    }
  }
  return axes;
}

std::vector<std::string> read_names(const JsonValue& list) {
  std::vector<std::string> names(list.size_up_to(kMost));
  for (std::size_t i = 0; i < names.size(); ++i) {
    names[i] = list[i].as_string();
  }
  return names;
}

Prediction read_prediction(const JsonValue& value) {
  for (const auto& [prediction, name] : kPredictionNames) {
    if (value.as_string() == name) {
      return prediction;
    }
  }
  value.fail(value.shown(), " is no prediction that is known");
}

// Names of the stacks of the family that a model's entry names.
std::vector<std::string> stacks_of(const JsonValue& families, const JsonValue& id) {
  for (std::size_t i = 0; i < families.size_up_to(kMost); ++i) {
    const JsonValue family = families[i];
    if (family.at("id").as_string() == id.as_string()) {
      return read_names(family.at("stacks"));
    }
  }
  id.fail(id.shown(), " is no family of this file");
}

ModelSize read_size(const JsonValue& entry) {
  ModelSize size{.label = entry.at("label").as_string(),
                 .heads = entry.at("heads").as_int(),
                 .head_dim = entry.at("head_dim").as_int(),
                 .clip = {.width = entry.at("width").as_int(),
                          .height = entry.at("height").as_int(),
                          .frames = entry.at("frames").as_int()},
                 .steps = entry.at("steps").as_int()};
  const JsonValue layers = entry.at("layers");
  for (std::size_t i = 0; i < layers.size_up_to(kMost); ++i) {
    size.layers.push_back(layers[i].as_int());
  }
  for (const auto& [name, number] :
       {std::pair("shift", &size.shift), std::pair("fps", &size.fps)}) {
    if (const auto value = entry.find(name)) {
      *number = value->as_number();
    }
  }
  if (entry.find("cfg")) {
    size.cfg = read_guidance(entry);
  }
  return size;
}

ModelFamily read_family(const JsonValue& entry, const JsonValue& families) {
  ModelFamily family{.name = entry.at("name").as_string(),
                     .patch = read_axes(entry.at("patch")),
                     .strides = read_axes(entry.at("strides")),
                     .channels = entry.at("channels").as_int(),
                     .prediction = read_prediction(entry.at("prediction")),
                     .timesteps = entry.at("timesteps").as_number(),
                     .stacks = stacks_of(families, entry.at("family")),
                     .experts = {"default"}};
  if (const auto architecture = entry.find("architecture")) {
    family.architecture = architecture->as_string();
  }
  if (const auto experts = entry.find("experts")) {
    family.experts = read_names(*experts);
    family.boundary = entry.at("boundary").as_number();
  }
  if (const auto image = entry.find("image")) {
    const auto encoder = image->find("encoder");
    const auto first_frame = image->find("first_frame");
    family.image = ImageInput{.encoder = encoder && encoder->as_bool(),
                              .first_frame = first_frame && first_frame->as_bool()};
    if (!family.image->first_frame) {
      family.image->channels = image->at("channels").as_int();
    }
  }
  const JsonValue sizes = entry.at("sizes");
  for (std::size_t i = 0; i < sizes.size_up_to(kMost); ++i) {
    family.sizes.push_back(read_size(sizes[i]));
  }
  return family;
}

std::vector<ModelFamily> read_families() {
  const std::string file = "presets/models.json";
  const auto document = json_tree<nlohmann::json>(std::string(kModelsJson), file);
  const JsonValue root(document, file);
  const JsonValue families = root.at("families");
  const JsonValue models = root.at("models");
  std::vector<ModelFamily> found;
  for (std::size_t i = 0; i < models.size_up_to(kMost); ++i) {
    found.push_back(read_family(models[i], families));
  }
  return found;
}

}  // namespace

std::array<std::int32_t, 3> ModelFamily::latent_cells(const ClipSize& size) const {
  return {(size.frames - 1) / strides[0] + 1, size.height / strides[1], size.width / strides[2]};
}

TokenLayout ModelFamily::grid(const ClipSize& size) const {
  const std::array<std::int32_t, 3> cells = latent_cells(size);
  const auto tokens = [&](std::size_t axis) {
    return (cells[axis] + patch[axis] - 1) / patch[axis];
  };
  return {.frames = tokens(0), .rows = tokens(1), .cols = tokens(2)};
}

const std::vector<ModelFamily>& model_families() {
  static const std::vector<ModelFamily> families = read_families();
  return families;
}

const ModelFamily* find_model_family(std::string_view name) {
  const std::vector<ModelFamily>& all = model_families();
  const auto found = std::ranges::find(all, name, &ModelFamily::name);
  return found == all.end() ? nullptr : &*found;
}

const ModelFamily& model_family(std::string_view name) {
  const ModelFamily* const found = find_model_family(name);
  require(found != nullptr, ErrorCode::kModel, "no facts are known of the model family \"", name,
          "\"");
  return *found;
}

}  // namespace twill
