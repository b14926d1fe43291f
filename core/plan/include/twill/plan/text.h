// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Texts that people write: names, prompts, files. They may hold any bytes; what is kept or handed
// on as text is UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace twill {

// Bytes of the longest beginning that is whole characters of UTF-8 (no surrogates, nothing spelled
// longer than it must be).
std::size_t utf8_prefix(std::string_view bytes);
bool is_utf8(std::string_view bytes);

// `bytes`, those that belong to no character of UTF-8 written as "\xe9". The one way of any text
// into JSON and into the metadata of clips; UTF-8 stays as it is.
std::string valid_utf8(std::string_view bytes);

// At most `most` bytes of a text, cut between characters, with "..." behind them where it was cut.
std::string shortened(std::string_view text, std::size_t most);

// The first character; of other bytes the first.
std::string_view first_character(std::string_view text);

// For a message of one line: line ends, tabs and other control characters written as "\n", "\x1b".
std::string one_line(std::string_view text);

// A text file of at most `most_bytes`, without the byte order mark that some editors put in front.
// Throws Error(kFile) naming the file when it cannot be read, is no regular file, or is UTF-16 or
// UTF-32, which it then says.
std::string read_text(const std::filesystem::path& file, std::uint64_t most_bytes);

// The lines of a text file as above, or of what a pipe gives until its end; without their ends (LF,
// CRLF or CR). Throws Error(kFile) also for a line that is not UTF-8, naming its number.
std::vector<std::string> read_lines(const std::filesystem::path& file, std::uint64_t most_bytes);

}  // namespace twill
