// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/lora_choice.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "shortest.h"
#include "twill/plan/error.h"
#include "twill/plan/model_families.h"
#include "twill/plan/text.h"

namespace twill {
namespace {

constexpr std::size_t kMostShown = 80;  // bytes of a text in a message

// Of families that have several.
std::set<std::string> expert_names() {
  std::set<std::string> names;
  for (const ModelFamily& family : model_families()) {
    if (family.experts.size() > 1) {
      names.insert(family.experts.begin(), family.experts.end());
    }
  }
  return names;
}

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// A word before the first '=': what could be an expert. Others are part of a path.
std::string_view word_in_front(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string_view front =
      equals == std::string_view::npos ? std::string_view() : text.substr(0, equals);
  return is_word(front) ? front : std::string_view();
}

// The number behind the last colon, and the text without both.
std::optional<double> take_strength(std::string_view& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return std::nullopt;
  }
  const char* const end = text.data() + text.size();
  double strength = 0.0;
  const auto [rest, code] = std::from_chars(text.data() + colon + 1, end, strength);
  if (rest != end || code == std::errc::invalid_argument) {
    return std::nullopt;
  }
  require(code == std::errc(), ErrorCode::kUsage, "LoRA \"", shortened(text, kMostShown),
          "\": its strength is not in -", kMostLoraStrength, "..", kMostLoraStrength);
  text.remove_suffix(text.size() - colon);
  return strength;
}

void check_lora(const LoraChoice& lora) {
  const std::string shown = shortened(valid_utf8(lora.file.string()), kMostShown);
  require(!lora.file.empty(), ErrorCode::kUsage, "a LoRA of no file");
  // Compared so that a NaN is refused too.
  require(lora.strength >= -kMostLoraStrength && lora.strength <= kMostLoraStrength,
          ErrorCode::kUsage, "LoRA \"", shown, "\": strength ", lora.strength, " is not in -",
          kMostLoraStrength, "..", kMostLoraStrength);
  const std::set<std::string> known = expert_names();
  std::string list;
  for (const std::string& name : known) {
    list += concat(list.empty() ? "" : " and ", name);
  }
  require(lora.expert.empty() || known.contains(lora.expert), ErrorCode::kUsage, "LoRA \"", shown,
          "\": \"", shortened(lora.expert, kMostShown), "\" is no expert; experts are ", list,
          ", and a file with '=' in its name is written as ./NAME");
}

}  // namespace

LoraChoice parse_lora(std::string_view text) {
  LoraChoice lora;
  std::string_view rest = text;
  if (const std::string_view word = word_in_front(rest); !word.empty()) {
    lora.expert = word;
    rest.remove_prefix(word.size() + 1);
  }
  lora.strength = take_strength(rest).value_or(1.0);
  lora.file = std::filesystem::path(std::string(rest));
  check_lora(lora);
  return lora;
}

std::string lora_text(const LoraChoice& lora) {
  const std::string file = lora.file.string();
  return concat(lora.expert.empty() ? "" : lora.expert + "=",
                lora.expert.empty() && !word_in_front(file).empty() ? "./" : "", file, ":",
                shortest(lora.strength));
}

std::vector<std::string> lora_texts(const std::vector<LoraChoice>& loras) {
  std::vector<std::string> texts;
  for (const LoraChoice& lora : loras) {
    texts.push_back(lora_text(lora));
  }
  return texts;
}

void check_loras(const std::vector<LoraChoice>& loras) {
  require(loras.size() <= kMostLoras, ErrorCode::kUsage, loras.size(),
          " LoRAs are more than the limit of ", kMostLoras);
  std::ranges::for_each(loras, check_lora);
}

}  // namespace twill
