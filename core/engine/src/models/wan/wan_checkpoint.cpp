// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A model from the file of a Wan network, as ComfyUI's users have it: what it is follows from its
// header, and the rest is looked for.
#include <algorithm>
#include <array>
#include <cctype>
#include <regex>
#include <span>
#include <utility>

#include "latent_statistics.h"
#include "models/architectures.h"
#include "part_finder.h"
#include "text/umt5_gguf.h"
#include "twill/engine/clip_vision.h"
#include "twill/engine/umt5.h"
#include "twill/engine/wan_dit.h"
#include "twill/engine/wan_vae.h"
#include "twill/plan/error.h"
#include "wan_names.h"

namespace twill::engine {
namespace {

namespace fs = std::filesystem;
using Names = std::span<const std::string_view>;

// https://huggingface.co/Comfy-Org/Wan_2.1_ComfyUI_repackaged and Wan_2.2_ComfyUI_Repackaged.
constexpr std::array<std::string_view, 1> kVae21{"wan_2.1_vae.safetensors"};
constexpr std::array<std::string_view, 1> kVae22{"wan2.2_vae.safetensors"};
constexpr std::array<std::string_view, 2> kText{"umt5_xxl_fp16.safetensors",
                                                "umt5_xxl_fp8_e4m3fn_scaled.safetensors"};
constexpr std::array<std::string_view, 1> kImage{"clip_vision_h.safetensors"};
// As google/umt5-xxl and pipelines of diffusers have them.
constexpr std::array kTokenizers{"spiece.model", "tokenizer.json"};

Weights with_original_names(Weights weights) {
  take_original_names(weights);
  return weights;
}

Weights with_umt5_names(Weights weights) {
  take_umt5_names(weights);
  return weights;
}

// "...high_noise..." -> "...low_noise...", whatever is between the words and however they are
// written; empty where the name says neither. `from` and `to`: "high", "low".
std::string with_other_noise(const std::string& name, const std::string& from,
                             const std::string& to) {
  const std::regex pattern(from + "([_. -]?noise)", std::regex::icase);
  std::smatch match;
  if (!std::regex_search(name, match, pattern)) {
    return {};
  }
  std::string word = to;
  const auto upper = [&](std::ptrdiff_t at) {
    return std::isupper(static_cast<unsigned char>(match[0].first[at])) != 0;
  };
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (i == 0 ? upper(0) : upper(1)) {
      word[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(word[i])));
    }
  }
  return concat(std::string(match.prefix()), word, match[1].str(), std::string(match.suffix()));
}

struct Experts {
  fs::path first, second;  // no second: the network stands alone
};

// Two experts are two files whose names say whose turn is when: beside each other, or in folders
// that are named so too (QuantStack's GGUF files are).
Experts experts_of(const ModelFiles& model) {
  if (!model.low_noise.empty()) {
    return {model.path, model.low_noise};
  }
  const std::string name = model.path.filename().string();
  for (const auto& [from, to] : {std::pair("high", "low"), std::pair("low", "high")}) {
    const std::string partner = with_other_noise(name, from, to);
    if (partner.empty()) {
      continue;
    }
    const fs::path folder = model.path.parent_path();
    const std::string other = with_other_noise(folder.filename().string(), from, to);
    fs::path found = folder / partner;
    std::error_code code;
    if (!other.empty() && !fs::exists(found, code)) {
      found = folder.parent_path() / other / partner;
    }
    require(fs::exists(found, code), ErrorCode::kFile, model.path.string(),
            ": is one of two experts by its name, but ", partner, " is not beside it");
    return std::string_view(from) == "high" ? Experts{model.path, found}
                                            : Experts{found, model.path};
  }
  return {model.path, {}};
}

const ModelFamily& family_of(const WanConfig& network, bool two, const fs::path& file) {
  const std::vector<ModelFamily>& families = model_families();
  const auto found = std::ranges::find_if(families, [&](const ModelFamily& family) {
    const ImageInput image = family.image.value_or(ImageInput());
    return family.architecture == "wan" && family.channels == network.out_channels &&
           network.in_channels == family.channels + image.channels &&
           (network.image_dim > 0) == image.encoder && (family.experts.size() == 2) == two;
  });
  require(found != families.end(), ErrorCode::kUnsupported, file.string(), ": takes ",
          network.in_channels, " channels and makes ", network.out_channels,
          two ? " with" : " without",
          " a second expert beside it; no family of the engine has such a network");
  return *found;
}

// Whether the file holds that part beside a network, and one that fits.
bool has_inside(const fs::path& file, WeightPart part,
                const std::function<bool(Weights)>& part_fits) {
  if (!Weights::open_unscaled(file).has_part(part)) {
    return false;
  }
  try {
    return part_fits(Weights::open_unscaled(file, part));
  } catch (const Error&) {
    return false;
  }
}

fs::path find_vae(const ModelFiles& model, const fs::path& network, std::int64_t channels) {
  const auto is_vae = [channels](Weights weights) {
    return detect_latent_channels(with_original_names(std::move(weights))) == channels;
  };
  if (has_inside(network, WeightPart::kVae, is_vae)) {
    return network;
  }
  const bool later = channels == std::ssize(wan_latent_mean(true));
  return find_part(
      model,
      {.kind = "vae",
       .what = concat("the VAE of Wan ", later ? "2.2" : "2.1", " (", channels, " channels)"),
       .usual_names = later ? Names(kVae22) : Names(kVae21),
       .fits = [&](const fs::path& file) { return is_vae(Weights::open_unscaled(file)); }});
}

fs::path find_text(const ModelFiles& model, const fs::path& network, std::int64_t text_dim) {
  const auto is_text = [text_dim](Weights weights) {
    return detect_umt5_config(with_umt5_names(std::move(weights))).dim == text_dim;
  };
  if (has_inside(network, WeightPart::kText, is_text)) {
    return network;
  }
  return find_part(
      model, {.kind = "text_encoders",
              .what = concat("a UMT5 text encoder of width ", text_dim),
              .usual_names = Names(kText),
              .fits = [&](const fs::path& file) { return is_text(Weights::open_unscaled(file)); }});
}

fs::path find_image_encoder(const ModelFiles& model, std::int64_t image_dim) {
  return find_part(model, {.kind = "clip_vision",
                           .what = concat("a CLIP vision encoder of width ", image_dim),
                           .usual_names = Names(kImage),
                           .fits = [image_dim](const fs::path& file) {
                             return detect_clip_vision_config(Weights::open_unscaled(file)).dim ==
                                    image_dim;
                           }});
}

// Empty where the encoder needs none, or none is there: loading says which it needs.
fs::path tokenizer_beside(const fs::path& text) {
  const Weights weights = with_umt5_names(Weights::open_unscaled(text, WeightPart::kText));
  const bool has_own = weights.contains("spiece_model") ||
                       (weights.gguf() != nullptr && has_gguf_tokenizer(*weights.gguf()));
  for (const char* const name : kTokenizers) {
    const fs::path beside = text.parent_path() / name;
    std::error_code code;
    if (!has_own && has_token_table(weights) && fs::is_regular_file(beside, code)) {
      return beside;
    }
  }
  return {};
}

}  // namespace

ModelDescription describe_wan_checkpoint(const ModelFiles& model) {
  const Experts experts = experts_of(model);
  const WanConfig network = detect_wan_config(
      with_original_names(Weights::open_unscaled(experts.first, WeightPart::kNetwork)));
  const bool two = !experts.second.empty();
  const ModelFamily& family = family_of(network, two, experts.first);
  ModelDescription description{.family = &family};
  description.networks = {experts.first};
  if (two) {
    description.networks.push_back(experts.second);
  }
  description.vae =
      model.vae.empty() ? find_vae(model, experts.first, network.out_channels) : model.vae;
  description.text = model.text_encoder.empty() ? find_text(model, experts.first, network.text_dim)
                                                : model.text_encoder;
  if (network.image_dim > 0) {
    description.image_encoder = model.image_encoder.empty()
                                    ? find_image_encoder(model, network.image_dim)
                                    : model.image_encoder;
  }
  description.tokenizer = model.tokenizer;
  if (description.tokenizer.empty()) {
    description.tokenizer = tokenizer_beside(description.text);
  }
  description.defaults =
      family_defaults(family, {.heads = network.heads, .head_dim = network.head_dim()});
  return description;
}

}  // namespace twill::engine
