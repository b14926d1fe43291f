// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What the name of a tensor of a LoRA file says: a module of the network, and what is done to it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twill::engine {

enum class LoraPart : std::uint8_t {
  kDown,            // [rank, in, ...]: the first factor
  kUp,              // [out, rank, ...]: the second
  kAlpha,           // one number, over the rank the scale of both
  kDiff,            // added to the weight
  kDiffBias,        // added to the bias
  kDiffModulation,  // added to the modulation of a block, or of the head
  kSet,             // takes the place of the weight
};

struct LoraEnding {
  std::string_view ending;
  LoraPart part;
};

// Of ComfyUI's loader (comfy/weight_adapter/lora.py, comfy/lora.py), but for diff_m, which files
// extracted for it have and it leaves out.
inline constexpr std::array kLoraEndings{
    LoraEnding{".lora_down.weight", LoraPart::kDown},
    LoraEnding{".lora_up.weight", LoraPart::kUp},
    LoraEnding{".lora_A.weight", LoraPart::kDown},
    LoraEnding{".lora_B.weight", LoraPart::kUp},
    LoraEnding{".lora_A.default.weight", LoraPart::kDown},
    LoraEnding{".lora_B.default.weight", LoraPart::kUp},
    LoraEnding{".lora_A", LoraPart::kDown},
    LoraEnding{".lora_B", LoraPart::kUp},
    LoraEnding{".lora.down.weight", LoraPart::kDown},
    LoraEnding{".lora.up.weight", LoraPart::kUp},
    LoraEnding{".lora_linear_layer.down.weight", LoraPart::kDown},
    LoraEnding{".lora_linear_layer.up.weight", LoraPart::kUp},
    LoraEnding{".alpha", LoraPart::kAlpha},
    LoraEnding{".diff", LoraPart::kDiff},
    LoraEnding{".diff_b", LoraPart::kDiffBias},
    LoraEnding{".diff_m", LoraPart::kDiffModulation},
    LoraEnding{".set_weight", LoraPart::kSet},
};

// Names begin so where a module's dots are written as '_', as kohya's trainers do.
inline constexpr std::string_view kUnderscored = "lora_unet_";

struct LoraName {
  std::string_view module;  // "blocks.0.ffn.2"
  LoraPart part;
};

// name: without a prefix of Weights. Empty for another name.
std::optional<LoraName> read_lora_name(std::string_view name);

// "DoRA": what is added to a weight in a way that is not merged here. Empty for other names.
std::string_view unmerged_kind(std::string_view name);

// Whether the tensor is of a LoRA, in any of the ways above.
bool is_of_lora(std::string_view name);

// A module's name without what wraps the network in files of diffusers and PEFT.
std::string_view without_lora_prefix(std::string_view module);

}  // namespace twill::engine
