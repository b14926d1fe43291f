// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "lora_names.h"

#include <algorithm>

namespace twill::engine {
namespace {

struct UnmergedKind {
  std::string_view part;  // of a tensor's name
  std::string_view name;
};

constexpr std::array kUnmerged{
    UnmergedKind{".dora_scale", "DoRA"},
    UnmergedKind{".lora_magnitude_vector", "DoRA"},
    UnmergedKind{".hada_", "LoHa"},
    UnmergedKind{".lokr_", "LoKr"},
    UnmergedKind{".oft_", "OFT"},
    UnmergedKind{".boft_", "BOFT"},
    UnmergedKind{".lora_mid", "a LoRA of three factors"},
    UnmergedKind{".reshape_weight", "a LoRA that changes a weight's shape"},
    UnmergedKind{".lora_B.bias", "a LoRA with biases"},
    UnmergedKind{".lora_up.bias", "a LoRA with biases"},
    UnmergedKind{".w_norm", "LyCORIS's norms"},
    UnmergedKind{".b_norm", "LyCORIS's norms"},
};

constexpr std::array<std::string_view, 2> kWrappers{"base_model.model.", "transformer."};

}  // namespace

std::optional<LoraName> read_lora_name(std::string_view name) {
  for (const LoraEnding& ending : kLoraEndings) {
    if (name.size() > ending.ending.size() && name.ends_with(ending.ending)) {
      return LoraName{name.substr(0, name.size() - ending.ending.size()), ending.part};
    }
  }
  return std::nullopt;
}

std::string_view unmerged_kind(std::string_view name) {
  for (const UnmergedKind& kind : kUnmerged) {
    if (name.find(kind.part) != std::string_view::npos) {
      return kind.name;
    }
  }
  return {};
}

bool is_of_lora(std::string_view name) {
  return read_lora_name(name) || !unmerged_kind(name).empty() ||
         name.find(kUnderscored) != std::string_view::npos;
}

std::string_view without_lora_prefix(std::string_view module) {
  for (const std::string_view wrapper : kWrappers) {
    if (module.starts_with(wrapper)) {
      module.remove_prefix(wrapper.size());
    }
  }
  return module;
}

}  // namespace twill::engine
