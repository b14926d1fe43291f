// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Files that hold a whole model, by the names that ComfyUI's node CheckpointSave gives their
// tensors, and by those of VAEs in older checkpoints (first_stage_model).
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "twill/engine/weights.h"
#include "twill/plan/error.h"
#include "weight_file.h"

namespace twill::engine {
namespace {

constexpr std::array<std::string_view, 2> kVaePrefixes{"vae.", "first_stage_model."};
constexpr std::string_view kTextEncoders = "text_encoders.";
// The longer one first.
constexpr std::array<std::string_view, 2> kTextPrefixes{"text_encoders.umt5xxl.transformer.",
                                                        "text_encoders.umt5xxl."};
constexpr std::string_view kTokenizer = "text_encoders.spiece_model";

template <typename Prefixes>
std::optional<std::string> without(const Prefixes& prefixes, std::string_view name) {
  for (const std::string_view prefix : prefixes) {
    if (name.starts_with(prefix)) {
      return std::string(name.substr(prefix.size()));
    }
  }
  return std::nullopt;
}

// A tensor's name in its part; empty for one of another part.
std::optional<std::string> name_in(WeightPart part, std::string_view name) {
  if (part == WeightPart::kVae) {
    return without(kVaePrefixes, name);
  }
  return name == kTokenizer ? std::string(name.substr(kTextEncoders.size()))
                            : without(kTextPrefixes, name);
}

bool is_of_network(std::string_view name) {
  return !without(kVaePrefixes, name) && !name.starts_with(kTextEncoders);
}

}  // namespace

bool Weights::has_part(WeightPart part) const {
  return std::ranges::any_of(entries_, [&](const auto& entry) {
    return part == WeightPart::kNetwork ? is_of_network(entry.first)
                                        : name_in(part, entry.first).has_value();
  });
}

void Weights::take_part(WeightPart part) {
  if (part == WeightPart::kNetwork) {
    std::erase_if(entries_, [](const auto& entry) { return !is_of_network(entry.first); });
    return;
  }
  if (!has_part(part)) {
    return;
  }
  std::map<std::string, Entry, std::less<>> taken;
  for (auto& [stored, entry] : entries_) {
    std::optional<std::string> name = name_in(part, stored);
    if (!name) {
      continue;
    }
    // What no network asks for is named by this; of the stored one the start would tell that it is
    // another network's.
    entry.stored_name = *name;
    const std::string file = entry.file->name();
    const auto [found, added] = taken.try_emplace(std::move(*name), std::move(entry));
    require(added, ErrorCode::kFile, file, ": tensor ", found->first,
            " is there twice (by its name without prefix)");
  }
  entries_ = std::move(taken);
}

Weights Weights::open(const std::filesystem::path& file, WeightPart part) {
  Weights weights = open_unscaled(file, part);
  weights.apply_scales();
  return weights;
}

Weights Weights::open_unscaled(const std::filesystem::path& file, WeightPart part) {
  Weights weights = open_unscaled(file);
  weights.take_part(part);
  return weights;
}

}  // namespace twill::engine
