// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/engine/model.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "twill/engine/latent_preview.h"
#include "twill/plan/error.h"
#include "twill/plan/json_tree.h"
#include "twill/plan/text.h"

namespace twill::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kFamily = "wan2.1-t2v";
constexpr std::uintmax_t kMostBytes = 1'000'000;
constexpr std::int64_t kMostSide = 16384;
constexpr std::int64_t kMostFrames = 100'000;
// The VAE's stride times the transformer's patch.
constexpr std::int32_t kPixelsPerToken = 16;
constexpr std::int32_t kPixelsPerLatent = 8;
constexpr std::int32_t kFramesPerLatent = 4;

// One JSON object of model.json, read field by field with exact messages.
class Fields {
 public:
  Fields(std::string where, const json& object) : where_(std::move(where)), object_(object) {
    require(object.is_object(), ErrorCode::kFile, where_, ": not a JSON object");
  }

  const json& at(const char* name) const {
    require(object_.contains(name), ErrorCode::kFile, where_, ": field ", name, " is missing");
    return object_[name];
  }
  Fields object(const char* name) const { return {path(name), at(name)}; }
  std::string text(const char* name) const {
    require(at(name).is_string(), ErrorCode::kFile, path(name), " is ", json_shown(at(name)),
            ", not text");
    return at(name).get<std::string>();
  }
  std::int32_t integer(const char* name, std::int64_t least, std::int64_t most) const {
    const json& value = at(name);
    require(value.is_number_integer() && value >= least && value <= most, ErrorCode::kFile,
            path(name), " is ", json_shown(value), ", not a whole number from ", least, " to ",
            most);
    return value.get<std::int32_t>();
  }
  double number(const char* name, double least, double most) const {
    const json& value = at(name);
    require(value.is_number() && value >= least && value <= most, ErrorCode::kFile, path(name),
            " is ", json_shown(value), ", not a number from ", least, " to ", most);
    return value.get<double>();
  }
  // A part that is not known would be left out of the model.
  void check_known(std::initializer_list<std::string_view> names) const {
    for (const auto& [name, value] : object_.items()) {
      require(std::ranges::find(names, name) != names.end(), ErrorCode::kFile, where_, ".", name,
              " is not known; known are dit, vae and text");
    }
  }
  ClipSize clip_size() const {
    return {integer("width", 1, kMostSide), integer("height", 1, kMostSide),
            integer("frames", 1, kMostFrames)};
  }
  std::string path(const char* name) const { return where_ + "." + name; }

 private:
  std::string where_;
  const json& object_;
};

json read_json(const fs::path& file) {
  return json_tree<json>(read_text(file, kMostBytes), file.string());
}

// Weight files lie in the model's folder or below it.
fs::path weight_file(const fs::path& folder, const Fields& files, const char* name) {
  const fs::path relative(files.text(name));
  bool inside = relative.is_relative() && !relative.empty();
  for (const fs::path& part : relative) {
    inside = inside && part != "..";
  }
  require(inside, ErrorCode::kFile, files.path(name), ": \"", relative.string(),
          "\" is not a path inside the folder");
  return folder / relative;
}

// Each part is read by itself; here they meet.
void check_parts(const ModelDescription& files, const WanConfig& dit, std::int64_t vae_channels,
                 const TextTable& text) {
  require(dit.in_channels == dit.out_channels, ErrorCode::kUnsupported, files.dit.string(),
          ": takes ", dit.in_channels, " channels and makes ", dit.out_channels,
          ": an image-to-video model, whose other channels are those of an image; text-to-video "
          "ones are supported");
  require(dit.in_channels == vae_channels, ErrorCode::kModel, files.dit.string(),
          ": makes latents of ", dit.in_channels, " channels, but ", files.vae.string(), " takes ",
          vae_channels);
  require(text.text_dim() == dit.text_dim, ErrorCode::kModel, files.text.string(),
          ": its rows have ", text.text_dim(), " numbers, but ", files.dit.string(), " takes ",
          dit.text_dim);
}

}  // namespace

ModelShape VideoModel::shape() const {
  const WanConfig& config = dit->config();
  return {.family = family,
          .experts = {"default"},
          .stacks = {{.name = "blocks",
                      .layers = static_cast<std::int32_t>(config.layers),
                      .heads = static_cast<std::int32_t>(config.heads)}},
          .head_dim = static_cast<std::int32_t>(config.head_dim())};
}

TokenLayout VideoModel::layout(const ClipSize& size) const {
  const auto check_side = [](const char* name, std::int32_t value) {
    require(value > 0 && value <= kMostSide && value % kPixelsPerToken == 0, ErrorCode::kUsage,
            name, " ", value, " is not a multiple of ", kPixelsPerToken, " from ", kPixelsPerToken,
            " to ", kMostSide);
  };
  check_side("width", size.width);
  check_side("height", size.height);
  require(size.frames > 0 && size.frames <= kMostFrames && size.frames % kFramesPerLatent == 1,
          ErrorCode::kUsage, "frames ", size.frames, " is not 4n+1 (1, 5, 9, ...) up to ",
          kMostFrames);
  const TokenLayout tokens{.frames = (size.frames - 1) / kFramesPerLatent + 1,
                           .rows = size.height / kPixelsPerToken,
                           .cols = size.width / kPixelsPerToken};
  check_layout(tokens);
  return tokens;
}

std::array<std::int64_t, 5> VideoModel::latent_shape(const ClipSize& size) const {
  const TokenLayout tokens = layout(size);
  return {1, dit->config().in_channels, tokens.frames, size.height / kPixelsPerLatent,
          size.width / kPixelsPerLatent};
}

ModelDescription describe_model(const fs::path& folder) {
  const fs::path file = folder / "model.json";
  const json document = read_json(file);
  const Fields fields(file.string(), document);
  ModelDescription description{.family = fields.text("family")};
  require(description.family == kFamily, ErrorCode::kFile, fields.path("family"),
          ": unknown family \"", description.family, "\"; known is ", kFamily);
  const Fields defaults = fields.object("default");
  description.defaults = {.size = defaults.clip_size(),
                          .fps = defaults.number("fps", 1, 240),
                          .steps = defaults.integer("steps", 1, 1000),
                          .shift = defaults.number("shift", 0.01, 100),
                          .cfg = defaults.number("cfg", 0, 100),
                          .sampler = defaults.text("sampler")};
  if (document.contains("sizes")) {
    require(document["sizes"].is_array(), ErrorCode::kFile, fields.path("sizes"), " is not a list");
    for (const json& size : document["sizes"]) {
      description.sizes.push_back(Fields(fields.path("sizes"), size).clip_size());
    }
  }
  const Fields files = fields.object("files");
  files.check_known({"dit", "vae", "text"});
  description.dit = weight_file(folder, files, "dit");
  description.vae = weight_file(folder, files, "vae");
  description.text = weight_file(folder, files, "text");
  return description;
}

VideoModel load_model(const fs::path& folder, const LoadOptions& options) {
  ModelDescription description = describe_model(folder);
  VideoModel model{.folder = folder,
                   .family = std::move(description.family),
                   .defaults = std::move(description.defaults),
                   .sizes = std::move(description.sizes)};
  model.device = options.device.value_or(choose_device());
  model.dtype = options.dtype.value_or(choose_dtype(model.device));
  const auto open = [&](const fs::path& file) {
    Weights weights = Weights::open(file);
    weights.set_stop(options.stop);
    if (model.device.is_meta()) {
      weights.set_headers_only();
    }
    return weights;
  };
  const Weights dit = open(description.dit);
  const WanConfig config = detect_wan_config(dit);
  const Weights vae = open(description.vae);
  model.text = std::make_unique<TextTable>(TextTable::load(description.text));
  check_parts(description, config, detect_latent_channels(vae), *model.text);
  model.dit = std::make_unique<WanDit>(dit, config, model.dtype, model.device);
  model.vae = std::make_unique<WanVae>(vae, model.dtype, model.device);
  model.latent_colours = load_latent_colours(folder);
  return model;
}

VideoModel inspect_model(const fs::path& folder) {
  return load_model(folder, {.device = c10::Device(c10::kMeta), .dtype = c10::kFloat});
}

}  // namespace twill::engine
