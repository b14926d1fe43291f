// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What stands in the place of a weight file when it is none.
#pragma once

#include <cstddef>
#include <string_view>

namespace twill::engine {

// So many bytes of a file tell.
inline constexpr std::size_t kTellingBytes = 1024;

// "a gzip archive, ...": what a file that is no safetensors file is, by its first bytes, and what
// to do about it; empty when nothing is known of it. GGUF files are read (gguf_header.h). Asked
// only when the bytes are no safetensors header: a header's length can look like any of these.
std::string_view foreign_file(std::string_view front);

}  // namespace twill::engine
