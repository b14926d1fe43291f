// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Standard base64 (RFC 4648 with padding), which is how arrays of numbers stand in JSON.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace twill {

std::string to_base64(std::span<const std::uint8_t> bytes);
// The length of the text that holds `bytes` bytes.
constexpr std::size_t base64_length(std::size_t bytes) { return (bytes + 2) / 3 * 4; }
// Fills `bytes`; false, with some of them filled, when the text is not the one encoding of that
// many bytes.
bool from_base64(std::string_view text, std::span<std::uint8_t> bytes);

}  // namespace twill
