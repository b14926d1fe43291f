// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "wan_names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <utility>

#include "twill/plan/error.h"

namespace twill::engine {
namespace {

using Renamed = std::pair<std::string_view, std::string_view>;  // diffusers', upstream's

constexpr std::array kOutsideOfBlocks{
    Renamed{"condition_embedder.time_embedder.linear_1.", "time_embedding.0."},
    Renamed{"condition_embedder.time_embedder.linear_2.", "time_embedding.2."},
    Renamed{"condition_embedder.time_proj.", "time_projection.1."},
    Renamed{"condition_embedder.text_embedder.linear_1.", "text_embedding.0."},
    Renamed{"condition_embedder.text_embedder.linear_2.", "text_embedding.2."},
    Renamed{"condition_embedder.image_embedder.norm1.", "img_emb.proj.0."},
    Renamed{"condition_embedder.image_embedder.ff.net.0.proj.", "img_emb.proj.1."},
    Renamed{"condition_embedder.image_embedder.ff.net.2.", "img_emb.proj.3."},
    Renamed{"condition_embedder.image_embedder.norm2.", "img_emb.proj.4."},
    Renamed{"condition_embedder.image_embedder.pos_embed", "img_emb.emb_pos"},
    Renamed{"proj_out.", "head.head."},
    Renamed{"scale_shift_table", "head.modulation"},
};
constexpr std::array kInBlock{
    Renamed{"attn1.to_out.0.", "self_attn.o."},
    Renamed{"attn1.to_", "self_attn."},
    Renamed{"attn1.norm_", "self_attn.norm_"},
    Renamed{"attn2.to_out.0.", "cross_attn.o."},
    Renamed{"attn2.to_", "cross_attn."},
    Renamed{"attn2.norm_added_k.", "cross_attn.norm_k_img."},
    Renamed{"attn2.norm_", "cross_attn.norm_"},
    Renamed{"attn2.add_k_proj.", "cross_attn.k_img."},
    Renamed{"attn2.add_v_proj.", "cross_attn.v_img."},
    Renamed{"ffn.net.0.proj.", "ffn.0."},
    Renamed{"ffn.net.2.", "ffn.2."},
    // Only the norm before cross-attention has weights; upstream counts it third.
    Renamed{"norm2.", "norm3."},
    Renamed{"scale_shift_table", "modulation"},
};
constexpr std::array kOfVae{
    Renamed{"quant_conv.", "conv1."},
    Renamed{"post_quant_conv.", "conv2."},
};
constexpr std::array kOfCoder{
    Renamed{"conv_in.", "conv1."},
    Renamed{"norm_out.", "head.0."},
    Renamed{"conv_out.", "head.2."},
    Renamed{"mid_block.resnets.0.", "middle.0."},
    Renamed{"mid_block.attentions.0.", "middle.1."},
    Renamed{"mid_block.resnets.1.", "middle.2."},
    Renamed{"down_blocks.", "downsamples."},
};
constexpr std::array kInResidual{
    Renamed{"norm1.", "residual.0."},       Renamed{"conv1.", "residual.2."},
    Renamed{"norm2.", "residual.3."},       Renamed{"conv2.", "residual.6."},
    Renamed{"conv_shortcut.", "shortcut."},
};

std::string with_beginning(std::span<const Renamed> renamed, std::string_view name) {
  for (const auto& [theirs, original] : renamed) {
    if (name.starts_with(theirs)) {
      return concat(original, name.substr(theirs.size()));
    }
  }
  return std::string(name);
}

// "7.rest" -> 7, and `text` becomes "rest"; as it was where it does not begin so.
std::optional<int> take_number(std::string_view& text) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data(), end, number);
  if (code != std::errc() || rest == end || *rest != '.' || number < 0 || number > 9999) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()) + 1);
  return number;
}

// A layer of a list of levels: "2.resnets.1.conv1.weight" -> "9.residual.2.weight" in Wan 2.1,
// where upstream counts the residual blocks of a level and its resampling on, and
// "2.upsamples.1.residual.2.weight" in Wan 2.2, where each level is a list. Empty for another name.
struct LevelNames {
  std::string_view resampler;  // diffusers' name of the last layer
  int blocks;                  // residual ones, before it
  std::string_view list;       // upstream's in a level; empty: its layers are counted on
};

std::string of_level(const LevelNames& names, std::string_view rest) {
  constexpr std::string_view kResnets = "resnets.";
  const std::optional<int> level = take_number(rest);
  int inner = names.blocks;
  if (rest.starts_with(kResnets)) {
    rest.remove_prefix(kResnets.size());
    inner = take_number(rest).value_or(-1);
  } else if (rest.starts_with(names.resampler)) {
    rest.remove_prefix(names.resampler.size());
  } else {
    inner = -1;
  }
  if (!level || inner < 0 || inner > names.blocks) {
    return {};
  }
  const std::string place = names.list.empty() ? concat((names.blocks + 1) * *level + inner)
                                               : concat(*level, ".", names.list, inner);
  return concat(place, ".", with_beginning(kInResidual, rest));
}

// Of "encoder." or "decoder.", without it.
std::string of_coder(std::string_view rest, bool residual) {
  constexpr std::string_view kUpBlocks = "up_blocks.", kDownBlocks = "down_blocks.";
  if (rest.starts_with(kUpBlocks)) {
    const LevelNames names =
        residual ? LevelNames{"upsampler.", 3, "upsamples."} : LevelNames{"upsamplers.0.", 3, {}};
    const std::string found = of_level(names, rest.substr(kUpBlocks.size()));
    return found.empty() ? std::string(rest) : concat("upsamples.", found);
  }
  if (residual && rest.starts_with(kDownBlocks)) {
    const std::string found =
        of_level({"downsampler.", 2, "downsamples."}, rest.substr(kDownBlocks.size()));
    return found.empty() ? std::string(rest) : concat("downsamples.", found);
  }
  std::string name = with_beginning(kOfCoder, rest);
  // "middle.0.norm1.gamma", "downsamples.7.conv1.weight": what stands behind the number.
  for (const std::string_view list : {"middle.", "downsamples."}) {
    if (name.starts_with(list)) {
      std::string_view inside = std::string_view(name).substr(list.size());
      if (const std::optional<int> number = take_number(inside)) {
        return concat(list, *number, ".", with_beginning(kInResidual, inside));
      }
    }
  }
  return name;
}

}  // namespace

std::string original_transformer_name(std::string_view name) {
  constexpr std::string_view kBlocks = "blocks.";
  std::string_view rest = name;
  if (rest.starts_with(kBlocks)) {
    rest.remove_prefix(kBlocks.size());
    if (const std::optional<int> block = take_number(rest)) {
      return concat(kBlocks, *block, ".", with_beginning(kInBlock, rest));
    }
  }
  return with_beginning(kOutsideOfBlocks, name);
}

std::string original_vae_name(std::string_view name, bool residual) {
  for (const std::string_view coder : {"encoder.", "decoder."}) {
    if (name.starts_with(coder)) {
      return concat(coder, of_coder(name.substr(coder.size()), residual));
    }
  }
  return with_beginning(kOfVae, name);
}

void take_original_names(Weights& weights) {
  if (weights.contains("condition_embedder.time_proj.weight")) {
    weights.rename(original_transformer_name);
  } else if (weights.contains("decoder.conv_in.weight")) {
    const bool residual = std::ranges::any_of(weights.names(), [](const std::string& name) {
      return name.starts_with("encoder.down_blocks.0.resnets.");
    });
    weights.rename([&](std::string_view name) { return original_vae_name(name, residual); });
  }
}

}  // namespace twill::engine
