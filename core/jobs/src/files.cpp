// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "files.h"

#include <unistd.h>

#include <fstream>
#include <vector>

#include "twill/plan/error.h"

namespace twill::jobs {

namespace fs = std::filesystem;

fs::path temporary_beside(const fs::path& file) {
  return file.parent_path() /
         concat(".", file.stem().string(), ".", ::getpid(), ".part", file.extension().string());
}

TemporaryPath::~TemporaryPath() {
  std::error_code code;
  fs::remove_all(path_, code);
}

fs::path work_folder(const fs::path& out, const fs::path& work) {
  return work.empty() ? out.parent_path() / concat(out.stem().string(), ".work") : work;
}

std::uint64_t hash_text(std::string_view text, std::uint64_t seed) {
  for (const char byte : text) {
    seed = (seed ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  }
  return seed;
}

std::string hex(std::uint64_t value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4) {
    *digit = kDigits[value & 15];
  }
  return text;
}

std::uint64_t hash_file(const fs::path& file) {
  constexpr std::uintmax_t kWhole = 64u << 20;
  constexpr std::uintmax_t kBlocks = 256;
  std::error_code code;
  const std::uintmax_t bytes = fs::file_size(file, code);
  require(!code, ErrorCode::kFile, file.string(), ": cannot be read: ", code.message());
  std::ifstream stream(file, std::ios::binary);
  require(stream.good(), ErrorCode::kFile, file.string(), ": cannot be read");
  std::uint64_t hash = hash_text(std::to_string(bytes));
  std::vector<char> block(256u << 10);
  const std::uintmax_t step = bytes <= kWhole ? block.size() : bytes / kBlocks;
  for (std::uintmax_t at = 0; at < bytes; at += step) {
    stream.seekg(static_cast<std::streamoff>(at));
    stream.read(block.data(), static_cast<std::streamsize>(block.size()));
    hash = hash_text({block.data(), static_cast<std::size_t>(stream.gcount())}, hash);
    stream.clear();
  }
  return hash;
}

}  // namespace twill::jobs
