// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Files that are whole or not there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace twill {

// The bytes of a regular file of at most `most_bytes`. Throws Error(kFile) naming the file and the
// reason.
std::string read_file(const std::filesystem::path& file, std::uint64_t most_bytes);

// Writes an UnfinishedFile (unfinished.h): `file`, or what it links to, is the old or the new one,
// never a half. Throws Error(kSystem) naming the file and the reason, and leaves no other file.
void write_file(const std::filesystem::path& file, std::string_view bytes);

}  // namespace twill
