// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Short names for what a text holds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace twill {

// FNV-1a, 64 bit: names, not security.
std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0xcbf29ce484222325u);
std::string hex(std::uint64_t value);  // 16 digits

}  // namespace twill
