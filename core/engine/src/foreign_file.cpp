// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "foreign_file.h"

#include <algorithm>
#include <array>
#include <string>

namespace twill::engine {
namespace {

using namespace std::string_view_literals;

struct Signature {
  std::string_view bytes;  // that the file begins with
  std::string_view words;
};

constexpr std::string_view kPickle =
    "a pickle of torch.save (.pt, .pth, .ckpt), which can hold programs and is not read; convert "
    "it to safetensors";

constexpr std::array kSignatures{
    Signature{"version https://git-lfs.github.com/"sv,
              "a Git LFS pointer, not the file itself; fetch the file with git lfs pull"},
    Signature{"PK\x03\x04"sv,
              "a zip archive, most likely a pickle of torch.save (.pt, .pth, .ckpt), which can "
              "hold programs and is not read; convert it to safetensors"},
    // The magic number of torch.save before it wrote archives.
    Signature{"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46"sv, kPickle},
    Signature{"\x80\x02}"sv, kPickle},
    Signature{"\x80\x02"
              "c"sv,
              kPickle},
    Signature{"\x80\x03}"sv, kPickle},
    Signature{"\x80\x04\x95"sv, kPickle},
    Signature{"\x80\x05\x95"sv, kPickle},
    Signature{"\x1f\x8b"sv, "a gzip archive; unpack it"},
    Signature{"7z\xbc\xaf\x27\x1c"sv, "a 7z archive; unpack it"},
    Signature{"\x89HDF\r\n"sv, "an HDF5 file, which is not read; convert it to safetensors"},
    Signature{"\x93NUMPY"sv, "a file of numpy, which is not read; convert it to safetensors"},
};

std::string lower(std::string_view text) {
  std::string small(text);
  for (char& c : small) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return small;
}

}  // namespace

std::string_view foreign_file(std::string_view front) {
  front = front.substr(0, kTellingBytes);
  for (const Signature& signature : kSignatures) {
    if (front.starts_with(signature.bytes)) {
      return signature.words;
    }
  }
  if (front.size() >= 8 && std::ranges::all_of(front, [](char c) { return c == '\0'; })) {
    return "zeros where its header should be; a copy or download of it has not ended";
  }
  std::string_view text = front;
  if (text.starts_with("\xef\xbb\xbf")) {
    text.remove_prefix(3);
  }
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  const std::string begin = lower(text.substr(0, 16));
  if (begin.starts_with("<!doctype html") || begin.starts_with("<html") ||
      begin.starts_with("<head") || begin.starts_with("<?xml")) {
    return "a web page, most likely a server's message in place of a download; fetch the file anew";
  }
  if (begin.starts_with('{') || begin.starts_with('[')) {
    return "JSON text, most likely a server's message in place of a download; fetch the file anew";
  }
  return {};
}

}  // namespace twill::engine
