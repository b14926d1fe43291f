// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "diffusers_pipeline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "json_fields.h"
#include "models/wan/latent_statistics.h"
#include "twill/plan/error.h"

namespace twill::engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::int64_t kMostOfAny = 1'000'000;

bool is_file(const fs::path& file) {
  std::error_code code;
  return fs::is_regular_file(file, code);
}

// A JSON file of the pipeline, with the list of all that were read.
class Settings {
 public:
  explicit Settings(fs::path file) : file_(std::move(file)), json_(read_small_json(file_)) {}

  JsonFields fields() const { return {file_.string(), json_}; }
  const fs::path& file() const { return file_; }
  bool is_null(const std::string& name) const {
    return !json_.contains(name) || json_[name].is_null();
  }
  const json& at(const std::string& name) const { return fields().at(name); }

  // Refuses settings that would make another network than the engine's.
  void check(const std::string& name, const json& wanted) const {
    require(!json_.contains(name) || json_[name] == wanted, ErrorCode::kUnsupported, file_.string(),
            ".", name, " is ", json_.contains(name) ? json_shown(json_[name]) : std::string(),
            "; the engine's network has ", json_shown(wanted));
  }

 private:
  fs::path file_;
  json json_;
};

// The class of a part in model_index.json: ["diffusers", "AutoencoderKLWan"]; empty where the
// pipeline was saved without it.
std::string class_of(const Settings& index, const std::string& part) {
  if (index.is_null(part)) {
    return {};
  }
  const json& value = index.at(part);
  require(value.is_array() && value.size() == 2, ErrorCode::kFile, index.file().string(), ".", part,
          " is ", json_shown(value), ", not a library and a class");
  return value[1].is_string() ? value[1].get<std::string>() : std::string();
}

void check_class(const Settings& index, const std::string& part, std::string_view wanted) {
  const std::string found = class_of(index, part);
  require(!found.empty(), ErrorCode::kFile, index.file().string(),
          ": the pipeline was saved without ", part, "; its ", wanted, " is needed");
  require(found == wanted, ErrorCode::kUnsupported, index.file().string(), ".", part,
          " is of class ", json_shown(json(found)), "; ", wanted, " is supported");
}

// The file of weights in a part's folder: sharded, whole, or in half precision by name.
fs::path weights_in(const fs::path& folder, const std::string& stem) {
  for (const char* ending :
       {".safetensors.index.json", ".safetensors", ".fp16.safetensors", ".bf16.safetensors"}) {
    if (is_file(folder / (stem + ending))) {
      return folder / (stem + ending);
    }
  }
  for (const char* ending : {".bin", ".bin.index.json"}) {
    require(!is_file(folder / (stem + ending)), ErrorCode::kUnsupported,
            (folder / (stem + ending)).string(),
            ": is a pickle of torch, which can run code; save the pipeline with "
            "safe_serialization=True");
  }
  throw Error(ErrorCode::kFile, concat((folder / (stem + ".safetensors")).string(),
                                       ": no such file, nor an index of shards beside it"));
}

// encodes: whether the pipeline has an image encoder.
StatedHeads read_transformer(const Settings& config, bool encodes) {
  const JsonFields fields = config.fields();
  for (const char* name : {"image_dim", "added_kv_proj_dim"}) {
    require(encodes || config.is_null(name), ErrorCode::kUnsupported, config.file().string(), ".",
            name, " is ", config.is_null(name) ? std::string() : json_shown(config.at(name)),
            ": it takes an encoded picture, but the pipeline has no image_encoder");
  }
  config.check("patch_size", json::array({1, 2, 2}));
  config.check("qk_norm", "rms_norm_across_heads");
  config.check("cross_attn_norm", true);
  config.check("eps", 1e-6);
  return {.heads = fields.integer("num_attention_heads", 1, kMostOfAny),
          .head_dim = fields.integer("attention_head_dim", 1, kMostOfAny)};
}

struct StatedEncoder {
  std::int32_t heads = 0;
  std::int32_t image_size = 0;
};

StatedEncoder read_image_encoder(const Settings& config) {
  config.check("hidden_act", "gelu");
  config.check("num_channels", 3);
  config.check("layer_norm_eps", 1e-5);
  return {.heads = config.fields().integer("num_attention_heads", 1, kMostOfAny),
          .image_size = config.fields().integer("image_size", 1, kMostOfAny)};
}

// That the preparation of a picture is the engine's (clip_pixels() of image/picture_ops.h).
void check_image_processor(const Settings& config, std::int32_t image_size) {
  for (const char* name : {"do_resize", "do_center_crop", "do_rescale", "do_normalize"}) {
    config.check(name, true);
  }
  config.check("resample", 3);  // bicubic
  config.check("size", {{"shortest_edge", image_size}});
  config.check("crop_size", {{"height", image_size}, {"width", image_size}});
  config.check("image_mean", json::array({0.48145466, 0.4578275, 0.40821073}));
  config.check("image_std", json::array({0.26862954, 0.26130258, 0.27577711}));
}

void check_statistics(const Settings& config, const std::string& name,
                      std::span<const double> ours) {
  const json& values = config.at(name);
  bool same = values.is_array() && values.size() == ours.size();
  for (std::size_t i = 0; same && i < ours.size(); ++i) {
    same = values[i].is_number() && std::abs(values[i].get<double>() - ours[i]) < 1e-6;
  }
  require(same, ErrorCode::kUnsupported, config.file().string(), ".", name,
          " is not that of Wan's VAE of ", ours.size(), " channels, the one that is supported");
}

// The family's VAE is Wan 2.1's or, of 48 channels, Wan 2.2's.
void check_vae(const Settings& config, const ModelFamily& family) {
  const bool residual = wan_latent_mean(true).size() == static_cast<std::size_t>(family.channels);
  const bool found = !config.is_null("is_residual") && config.at("is_residual") != false;
  require(found == residual, ErrorCode::kUnsupported, config.file().string(), ": is Wan ",
          found
              ? "2.2's VAE of 48 channels (is_residual), but the pipeline has no expand_timesteps, "
                "as Wan 2.2 TI2V 5B has"
              : "2.1's VAE, but the pipeline has expand_timesteps, as Wan 2.2 TI2V 5B, whose VAE "
                "has 48 channels (is_residual)");
  const int pixels = residual ? 4 : 1;  // of a patch
  config.check("patch_size", residual ? json(2) : json());
  config.check("in_channels", 3 * pixels);
  config.check("out_channels", 3 * pixels);
  config.check("z_dim", family.channels);
  config.check("dim_mult", json::array({1, 2, 4, 4}));
  config.check("num_res_blocks", 2);
  config.check("attn_scales", json::array());
  config.check("temperal_downsample", json::array({false, true, true}));
  check_statistics(config, "latents_mean", wan_latent_mean(residual));
  check_statistics(config, "latents_std", wan_latent_deviation(residual));
}

// Sampler and shift of the schedule that the pipeline was saved with, where the engine has it.
void read_scheduler(const fs::path& folder, const Settings& index, ModelDescription& description) {
  const std::string scheduler = class_of(index, "scheduler");
  const bool unipc = scheduler == "UniPCMultistepScheduler";
  if (!unipc && scheduler != "FlowMatchEulerDiscreteScheduler") {
    return;
  }
  const Settings config(folder / "scheduler" / "scheduler_config.json");
  description.settings.push_back(config.file());
  const JsonFields fields = config.fields();
  if (unipc) {
    config.check("prediction_type", "flow_prediction");
  }
  description.defaults.sampler = unipc ? "unipc" : "euler";
  const char* const shift = unipc ? "flow_shift" : "shift";
  if (!config.is_null(shift)) {
    description.defaults.shift = fields.number(shift, 0.01, 100);
  }
}

// Wan's family with so many experts and channels, which needs a picture or does not.
const ModelFamily& family_with(std::size_t experts, std::size_t channels, bool needs_start) {
  const auto found = std::ranges::find_if(model_families(), [&](const ModelFamily& family) {
    return family.architecture == "wan" && family.experts.size() == experts &&
           family.channels == static_cast<std::int32_t>(channels) &&
           family.needs_start() == needs_start;
  });
  TWILL_ASSERT(found != model_families().end());
  return *found;
}

const ModelFamily* family_of(const Settings& index, bool from_image, bool two_experts) {
  const bool times_of_tokens =
      !index.is_null("expand_timesteps") && index.at("expand_timesteps") != false;
  require(!times_of_tokens || !two_experts, ErrorCode::kUnsupported, index.file().string(),
          ": has times of its own for each token (expand_timesteps), as Wan 2.2 TI2V 5B, and a "
          "transformer_2, which that does not have");
  // Its weights are the same in both pipelines, and serve with a picture and without one.
  const ModelFamily& family = family_with(
      two_experts ? 2 : 1, wan_latent_mean(times_of_tokens).size(), from_image && !times_of_tokens);
  if (two_experts) {
    const double boundary = index.fields().number("boundary_ratio", 0, 1);
    require(std::abs(boundary - family.boundary.value_or(0.0)) < 1e-9, ErrorCode::kUnsupported,
            index.file().string(), ".boundary_ratio is ", boundary, "; the experts of ",
            family.name, " change at ", family.boundary.value_or(0.0));
  }
  return &family;
}

}  // namespace

ModelDescription describe_pipeline(const fs::path& folder) {
  const Settings index(folder / kPipelineFile);
  const std::string pipeline = index.fields().text("_class_name");
  const bool from_image = pipeline == "WanImageToVideoPipeline";
  require(from_image || pipeline == "WanPipeline", ErrorCode::kUnsupported, index.file().string(),
          "._class_name is ", json_shown(json(pipeline)),
          "; WanPipeline and WanImageToVideoPipeline, Wan's text-to-video and image-to-video, are "
          "supported");
  const bool two_experts = !class_of(index, "transformer_2").empty();
  ModelDescription description{.family = family_of(index, from_image, two_experts)};
  const bool encodes = description.family->image && description.family->image->encoder;
  description.settings = {index.file()};
  const auto read = [&](const fs::path& file) {
    description.settings.push_back(file);
    return Settings(file);
  };
  std::vector<std::string> networks{"transformer"};
  if (two_experts) {
    networks.emplace_back("transformer_2");
  }
  for (const std::string& network : networks) {
    check_class(index, network, "WanTransformer3DModel");
    description.heads.push_back(read_transformer(read(folder / network / "config.json"), encodes));
    description.networks.push_back(weights_in(folder / network, "diffusion_pytorch_model"));
  }
  check_class(index, "vae", "AutoencoderKLWan");
  check_vae(read(folder / "vae" / "config.json"), *description.family);
  description.vae = weights_in(folder / "vae", "diffusion_pytorch_model");
  if (encodes) {
    check_class(index, "image_encoder", "CLIPVisionModel");
    const StatedEncoder encoder =
        read_image_encoder(read(folder / "image_encoder" / "config.json"));
    description.image_heads = encoder.heads;
    description.image_encoder = weights_in(folder / "image_encoder", "model");
    check_image_processor(read(folder / "image_processor" / "preprocessor_config.json"),
                          encoder.image_size);
  }
  check_class(index, "text_encoder", "UMT5EncoderModel");
  description.text = weights_in(folder / "text_encoder", "model");
  require(!class_of(index, "tokenizer").empty(), ErrorCode::kFile, index.file().string(),
          ": the pipeline was saved without tokenizer");
  // transformers 5 writes tokenizer.json alone.
  description.tokenizer = folder / "tokenizer" / "spiece.model";
  if (!is_file(description.tokenizer)) {
    description.tokenizer.replace_filename("tokenizer.json");
  }
  require(is_file(description.tokenizer), ErrorCode::kFile, description.tokenizer.string(),
          ": no such file, and no spiece.model beside it");
  description.defaults = family_defaults(*description.family, description.heads.front());
  read_scheduler(folder, index, description);
  return description;
}

}  // namespace twill::engine
