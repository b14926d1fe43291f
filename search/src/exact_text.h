// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Text that two values share exactly when they are equal; for keys and hashes, not for people.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "twill/plan/plan.h"
#include "twill/plan/profile.h"

namespace twill::search {

std::string exact_text(double value);
std::string exact_text(const Pattern& pattern);
std::string exact_text(const TokenLayout& layout);
std::string exact_text(const ModelShape& model);

// FNV-1a, 64 bits.
class Hash {
 public:
  void add(std::span<const std::byte> bytes);
  void add(std::string_view text);
  std::string hex() const;

 private:
  std::uint64_t state_ = 14695981039346656037ull;
};

}  // namespace twill::search
