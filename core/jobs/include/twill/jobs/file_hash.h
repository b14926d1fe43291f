// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// What a file holds, as a number: names of kept results, not security.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <stop_token>

namespace twill::jobs {

// XXH64 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
std::uint64_t hash_bytes(std::span<const std::byte> bytes, std::uint64_t seed = 0);

// A hash of every byte and the size; it is the same however many threads read the file. Hashes of
// large files are remembered in the user's cache by path, device, inode, size and both times of the
// last change, so that a model is read once. Throws Error(kFile) naming the file when it cannot be
// read, has shrunk or was written to meanwhile; Cancelled.
std::uint64_t hash_file(const std::filesystem::path& file, const std::stop_token& stop = {});

// "16 hexadecimal digits" that change when the file does.
std::string file_fingerprint(const std::filesystem::path& file);

}  // namespace twill::jobs
