// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// A prompt as text sides take it, and the weights that people write into one.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "twill/plan/prompt_weights.h"

namespace twill::engine {

// A stretch of a prompt. A text side cuts each into tokens by itself, so a word does not go on from
// one stretch to the next.
struct WeightedText {
  std::string text;
  double weight = 1.0;  // of its rows: how far they lie from those of an empty prompt

  bool operator==(const WeightedText&) const = default;
};

struct Prompt {
  Prompt() = default;
  explicit Prompt(std::vector<WeightedText> stretches) : parts(std::move(stretches)) {}
  // One stretch, as it stands.
  template <std::convertible_to<std::string_view> Text>
  Prompt(const Text& text) : parts{{std::string(std::string_view(text)), 1.0}} {}

  // Whether it is one stretch of weight 1.
  bool plain() const { return parts.size() == 1 && parts.front().weight == 1.0; }
  std::string text() const;  // of all parts

  std::vector<WeightedText> parts;
};

inline constexpr double kMostPromptWeight = 100.0;

struct ReadPrompt {
  Prompt prompt;
  std::vector<std::string> notes;  // sentences that the user should read of how it was read
};

// kComfyUi is ComfyUI 0.30's way: "(a)" weighs 1.1 times what stands around it, "(a:1.3)" weighs
// 1.3 whatever stands around it, "\(" and "\)" are brackets of the text, and what does not close
// is text. Numbers are those of Python's float(). Throws Error(kUsage) where ComfyUI would go on:
// for a weight that is not in -100..100, and for brackets in more than 100 others. Reading as text
// never throws.
ReadPrompt read_prompt(std::string_view text, PromptWeights weights);

}  // namespace twill::engine
