// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "twill/media/png.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "png_encoders.h"
#include "twill/plan/error.h"
#include "twill/plan/whole_files.h"

namespace twill::media {
namespace {

using Bytes = std::vector<std::uint8_t>;

void append_number(Bytes& bytes, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

std::uint32_t crc32(std::span<const std::uint8_t> bytes) {
  static const std::array<std::uint32_t, 256> kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) {
        value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320u : 0u);
      }
      table[i] = value;
    }
    return table;
  }();
  std::uint32_t crc = ~0u;
  for (const std::uint8_t byte : bytes) {
    crc = (crc >> 8) ^ kTable[(crc ^ byte) & 0xff];
  }
  return ~crc;
}

std::uint32_t adler32(std::span<const std::uint8_t> bytes) {
  std::uint32_t a = 1;
  std::uint32_t b = 0;
  for (const std::uint8_t byte : bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return (b << 16) | a;
}

void append_chunk(Bytes& png, const char* name, const Bytes& data) {
  append_number(png, static_cast<std::uint32_t>(data.size()));
  const std::size_t checked = png.size();
  png.insert(png.end(), name, name + 4);
  png.insert(png.end(), data.begin(), data.end());
  append_number(png, crc32(std::span(png).subspan(checked)));
}

// A zlib stream (RFC 1950) of stored blocks (RFC 1951, 3.2.4).
Bytes stored(const Bytes& data) {
  constexpr std::size_t kBlock = 65535;
  Bytes stream{0x78, 0x01};
  for (std::size_t begin = 0; begin < data.size(); begin += kBlock) {
    const std::size_t size = std::min(kBlock, data.size() - begin);
    const auto low = static_cast<std::uint8_t>(size & 0xff);
    const auto high = static_cast<std::uint8_t>(size >> 8);
    stream.push_back(begin + size == data.size() ? 1 : 0);
    for (const int byte : {+low, +high, ~low, ~high}) {
      stream.push_back(static_cast<std::uint8_t>(byte));
    }
    stream.insert(stream.end(), data.begin() + static_cast<std::ptrdiff_t>(begin),
                  data.begin() + static_cast<std::ptrdiff_t>(begin + size));
  }
  append_number(stream, adler32(data));
  return stream;
}

}  // namespace

std::vector<std::uint8_t> encode_plain_png(const RgbFrames& picture) {
  const std::ptrdiff_t row_bytes = std::ptrdiff_t{3} * picture.width;
  Bytes rows;
  for (auto row = picture.rgb.begin(); row != picture.rgb.end(); row += row_bytes) {
    rows.push_back(0);  // no filter
    rows.insert(rows.end(), row, row + row_bytes);
  }
  Bytes header;
  append_number(header, static_cast<std::uint32_t>(picture.width));
  append_number(header, static_cast<std::uint32_t>(picture.height));
  for (const std::uint8_t byte : {8, 2, 0, 0, 0}) {  // 8 bits, RGB, no interlacing
    header.push_back(byte);
  }
  Bytes png{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  append_chunk(png, "IHDR", header);
  append_chunk(png, "IDAT", stored(rows));
  append_chunk(png, "IEND", {});
  return png;
}

std::vector<std::uint8_t> png_bytes(const RgbFrames& picture) {
  TWILL_ASSERT(picture.frames == 1 && picture.is_whole());
  constexpr std::int32_t kMaxSide = 65535;
  constexpr std::size_t kMaxBytes = std::size_t{1} << 30;  // a chunk holds less than 2 GiB
  require(
      picture.height <= kMaxSide && picture.width <= kMaxSide && picture.rgb.size() <= kMaxBytes,
      ErrorCode::kUsage, "a picture of ", picture.width, "x", picture.height, " is too large");
  Bytes png = encode_png(picture);
  // Right behind the header chunk, so that few bytes tell whose it is.
  constexpr std::ptrdiff_t kSignatureAndHeader = 8 + 25;
  const std::string_view text("Software\0twill", 14);
  Bytes chunk;
  append_chunk(chunk, "tEXt", Bytes(text.begin(), text.end()));
  png.insert(png.begin() + kSignatureAndHeader, chunk.begin(), chunk.end());
  return png;
}

void write_png(const std::filesystem::path& file, const RgbFrames& picture) {
  Bytes bytes;
  try {
    bytes = png_bytes(picture);
  } catch (const Error& error) {
    throw Error(error.code(), concat(file.string(), ": ", error.what()));
  }
  write_file(file, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace twill::media
