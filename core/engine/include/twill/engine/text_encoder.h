// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What every text side is to the rest of the program.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "twill/engine/prompt.h"

namespace twill::engine {

class TextEncoder {
 public:
  virtual ~TextEncoder() = default;

  virtual std::int64_t text_dim() const = 0;
  // The words that a prompt may have; null where any may stand.
  virtual const std::vector<std::string>* words() const = 0;
  // [1, tokens, text_dim] fp32. A row of weight w lies w times as far from the empty prompt's row
  // in the same place as it does by itself. Throws Error(kUsage) for a prompt that it cannot read.
  virtual at::Tensor encode(const Prompt& prompt) const = 0;
  // One sentence that the user should read of what encode() leaves out of this prompt, or empty.
  virtual std::string note(const Prompt& /*prompt*/) const { return {}; }
};

}  // namespace twill::engine
