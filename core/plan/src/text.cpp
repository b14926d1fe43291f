// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/plan/text.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "twill/plan/error.h"
#include "twill/plan/whole_files.h"

namespace twill {
namespace {

namespace fs = std::filesystem;

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

// Bytes of the character that `bytes` begin with; 0 when they begin with none. The table of
// well-formed byte sequences of the Unicode standard (3.9, table 3-7).
std::size_t character_length(std::string_view bytes) {
  struct Form {
    unsigned first, last;      // lead byte
    unsigned second, highest;  // the byte after it; those that follow are 80..bf
    std::size_t length;
  };
  static constexpr std::array<Form, 9> kForms{{{0x00, 0x7f, 0, 0, 1},
                                               {0xc2, 0xdf, 0x80, 0xbf, 2},
                                               {0xe0, 0xe0, 0xa0, 0xbf, 3},
                                               {0xe1, 0xec, 0x80, 0xbf, 3},
                                               {0xed, 0xed, 0x80, 0x9f, 3},
                                               {0xee, 0xef, 0x80, 0xbf, 3},
                                               {0xf0, 0xf0, 0x90, 0xbf, 4},
                                               {0xf1, 0xf3, 0x80, 0xbf, 4},
                                               {0xf4, 0xf4, 0x80, 0x8f, 4}}};
  const unsigned lead = byte_at(bytes, 0);
  const auto* const form = std::ranges::find_if(
      kForms, [&](const Form& one) { return lead >= one.first && lead <= one.last; });
  if (form == kForms.end() || bytes.size() < form->length) {
    return 0;
  }
  for (std::size_t i = 1; i < form->length; ++i) {
    const unsigned byte = byte_at(bytes, i);
    const bool fits =
        i == 1 ? byte >= form->second && byte <= form->highest : byte >= 0x80 && byte <= 0xbf;
    if (!fits) {
      return 0;
    }
  }
  return form->length;
}

std::string hexadecimal(unsigned byte) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  return {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

std::string without_mark(std::string bytes, const fs::path& file) {
  const auto refuse = [&](std::string_view what) {
    throw Error(ErrorCode::kFile, concat(file.string(), ": is ", what, "; save it as UTF-8"));
  };
  using namespace std::string_view_literals;
  const std::string_view start = std::string_view(bytes).substr(0, 4);
  // UTF-32's mark begins as UTF-16's does.
  if (start == "\xff\xfe\0\0"sv || start == "\0\0\xfe\xff"sv) {
    refuse("a text in UTF-32");
  }
  // Without its mark every second byte of its first letters tells.
  const auto zero = [&](std::size_t at) { return start[at] == '\0'; };
  const bool unmarked =
      start.size() == 4 && zero(0) == zero(2) && zero(1) == zero(3) && zero(0) != zero(1);
  if (unmarked || start.starts_with("\xff\xfe"sv) || start.starts_with("\xfe\xff"sv)) {
    refuse("a text in UTF-16, as some editors on Windows write it");
  }
  if (start.starts_with("\xef\xbb\xbf"sv)) {
    bytes.erase(0, 3);
  }
  return bytes;
}

// What a pipe or a terminal gives until its end.
std::string read_stream(const fs::path& file, std::uint64_t most_bytes) {
  const auto fail = [&] {
    throw Error(
        ErrorCode::kFile,
        concat(file.string(), ": cannot be read: ", std::generic_category().message(errno)));
  };
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    fail();
  }
  std::string bytes;
  std::array<char, 65536> block{};
  ssize_t count = 0;
  while (bytes.size() <= most_bytes) {
    count = ::read(descriptor, block.data(), block.size());
    if (count > 0) {
      bytes.append(block.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      break;
    }
  }
  const int error = errno;
  ::close(descriptor);
  if (count < 0) {
    errno = error;
    fail();
  }
  require(bytes.size() <= most_bytes, ErrorCode::kFile, file.string(), ": gives more than ",
          most_bytes, " bytes");
  return bytes;
}

}  // namespace

std::size_t utf8_prefix(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t length = character_length(bytes.substr(at));
    if (length == 0) {
      break;
    }
    at += length;
  }
  return at;
}

bool is_utf8(std::string_view bytes) { return utf8_prefix(bytes) == bytes.size(); }

std::string valid_utf8(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t whole = utf8_prefix(bytes);
    text += bytes.substr(0, whole);
    bytes.remove_prefix(whole);
    if (!bytes.empty()) {
      text += hexadecimal(byte_at(bytes, 0));
      bytes.remove_prefix(1);
    }
  }
  return text;
}

std::string shortened(std::string_view text, std::size_t most) {
  if (text.size() <= most) {
    return std::string(text);
  }
  // A character has at most three bytes behind its first one; of other bytes any may be the last.
  std::size_t end = most;
  while (end > 0 && most - end < 3 && (byte_at(text, end) & 0xc0) == 0x80) {
    --end;
  }
  if (character_length(text.substr(end)) <= most - end) {
    end = most;
  }
  return concat(text.substr(0, end), "...");
}

std::string_view first_character(std::string_view text) {
  return text.empty() ? text : text.substr(0, std::max<std::size_t>(1, character_length(text)));
}

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    line += c == '\n'                     ? "\\n"
            : c == '\r'                   ? "\\r"
            : c == '\t'                   ? "\\t"
            : byte < 0x20 || byte == 0x7f ? hexadecimal(byte)
                                          : std::string(1, c);
  }
  return line;
}

std::string read_text(const fs::path& file, std::uint64_t most_bytes) {
  return without_mark(read_file(file, most_bytes), file);
}

std::vector<std::string> read_lines(const fs::path& file, std::uint64_t most_bytes) {
  std::error_code code;
  const fs::file_type type = fs::status(file, code).type();
  require(type != fs::file_type::directory, ErrorCode::kFile, file.string(),
          ": is a folder, not a text file");
  const bool flows = type == fs::file_type::fifo || type == fs::file_type::character;
  const std::string text =
      flows ? without_mark(read_stream(file, most_bytes), file) : read_text(file, most_bytes);
  std::vector<std::string> lines;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
    const std::string_view line = rest.substr(0, end);
    const std::size_t whole = utf8_prefix(line);
    require(whole == line.size(), ErrorCode::kFile, file.string(), ": line ", lines.size() + 1,
            " is not UTF-8 (byte ", whole < line.size() ? hexadecimal(byte_at(line, whole)) : "",
            " at its place ", whole + 1, "); save the file as UTF-8");
    lines.emplace_back(line);
    rest.remove_prefix(std::min(rest.size(), end + (rest.substr(end).starts_with("\r\n") ? 2 : 1)));
  }
  return lines;
}

}  // namespace twill
