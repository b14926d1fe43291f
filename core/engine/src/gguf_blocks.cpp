// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "gguf_blocks.h"

#include <c10/util/Half.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "simd.h"

// This file is compiled without contraction of products and sums (CMakeLists.txt): a fused one
// rounds once where the gguf package rounds twice.
namespace twill::engine {
namespace {

TWILL_INLINE float half_at(const std::uint8_t* from) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, from, sizeof(bits));
  return static_cast<float>(c10::Half(bits, c10::Half::from_bits()));
}

// The numbers of a block are unpacked as bytes and scaled then: both loops vectorise, one over both
// did not.
template <int kCount>
struct Numbers {
  std::int8_t at[kCount];

  TWILL_INLINE void scale(int begin, int count, float by, float* to) const {
    for (int i = 0; i < count; ++i) {
      to[begin + i] = by * static_cast<float>(at[begin + i]);
    }
  }
  TWILL_INLINE void scale(int begin, int count, float by, float less, float* to) const {
    for (int i = 0; i < count; ++i) {
      to[begin + i] = by * static_cast<float>(at[begin + i]) - less;
    }
  }
};

// A block begins with its fp16 scale, then an fp16 minimum where it has one, four bytes of fifth
// bits where numbers have five, and two numbers in each byte: the low halves come first.
template <bool kMinimum, bool kFifthBit>
struct Nibbles {
  static constexpr int kElements = 32;
  static constexpr int kHead = (kMinimum ? 4 : 2) + (kFifthBit ? 4 : 0);
  static constexpr int kBytes = kHead + kElements / 2;

  static TWILL_INLINE void decode(const std::uint8_t* from, float* to) {
    constexpr int kZero = kMinimum ? 0 : kFifthBit ? 16 : 8;
    Numbers<32> numbers;
    for (int i = 0; i < 16; ++i) {
      numbers.at[i] = static_cast<std::int8_t>(from[kHead + i] & 15);
      numbers.at[16 + i] = static_cast<std::int8_t>(from[kHead + i] >> 4);
    }
    if (kFifthBit) {
      std::uint32_t fifth = 0;
      std::memcpy(&fifth, from + kHead - 4, sizeof(fifth));
      for (int i = 0; i < 32; ++i) {
        numbers.at[i] = static_cast<std::int8_t>(numbers.at[i] | (fifth >> i & 1) << 4);
      }
    }
    for (int i = 0; i < 32; ++i) {
      numbers.at[i] = static_cast<std::int8_t>(numbers.at[i] - kZero);
    }
    if (kMinimum) {
      numbers.scale(0, 32, half_at(from), -half_at(from + 2), to);
    } else {
      numbers.scale(0, 32, half_at(from), to);
    }
  }
};

struct Q8_0 {
  static constexpr int kElements = 32;
  static constexpr int kBytes = 34;

  static TWILL_INLINE void decode(const std::uint8_t* from, float* to) {
    Numbers<32> numbers;
    std::memcpy(numbers.at, from + 2, sizeof(numbers.at));
    numbers.scale(0, 32, half_at(from), to);
  }
};

// 16 scales and minima of 4 bits, 64 bytes of four numbers each, the fp16 factors of both.
struct Q2_K {
  static constexpr int kElements = 256;
  static constexpr int kBytes = 84;

  static TWILL_INLINE void decode(const std::uint8_t* from, float* to) {
    Numbers<256> numbers;
    for (int part = 0; part < 8; ++part) {
      for (int i = 0; i < 32; ++i) {
        numbers.at[part * 32 + i] =
            static_cast<std::int8_t>(from[16 + part / 4 * 32 + i] >> (part % 4 * 2) & 3);
      }
    }
    const float of_scales = half_at(from + 80);
    const float of_minima = half_at(from + 82);
    for (int group = 0; group < 16; ++group) {
      numbers.scale(group * 16, 16, of_scales * static_cast<float>(from[group] & 15),
                    of_minima * static_cast<float>(from[group] >> 4), to);
    }
  }
};

// 32 bytes of third bits (clear where 4 is taken away), 64 bytes of four numbers each, 16 scales of
// 6 bits in 12 bytes, their fp16 factor.
struct Q3_K {
  static constexpr int kElements = 256;
  static constexpr int kBytes = 110;

  static TWILL_INLINE void decode(const std::uint8_t* from, float* to) {
    Numbers<256> numbers;
    for (int part = 0; part < 8; ++part) {
      for (int i = 0; i < 32; ++i) {
        const int low = from[32 + part / 4 * 32 + i] >> (part % 4 * 2) & 3;
        const int third = from[i] >> part & 1;
        numbers.at[part * 32 + i] = static_cast<std::int8_t>((low | third << 2) - 4);
      }
    }
    const float of_scales = half_at(from + 108);
    const std::uint8_t* const packed = from + 96;
    for (int group = 0; group < 16; ++group) {
      const int low = packed[group % 8] >> (group / 8 * 4) & 15;
      const int high = packed[8 + group % 4] >> (group / 4 * 2) & 3;
      numbers.scale(group * 16, 16, of_scales * static_cast<float>((low | high << 4) - 32), to);
    }
  }
};

// Eight scales and minima of 6 bits in 12 bytes: four of each in the low bits of the first eight
// bytes, the others in the last four and the bits that are left.
struct Scales {
  TWILL_INLINE Scales(const std::uint8_t* packed, float of_scales, float of_minima) {
    for (int i = 0; i < 4; ++i) {
      scale[i] = of_scales * static_cast<float>(packed[i] & 63);
      minimum[i] = of_minima * static_cast<float>(packed[4 + i] & 63);
      scale[4 + i] = of_scales * static_cast<float>((packed[8 + i] & 15) | (packed[i] >> 6) << 4);
      minimum[4 + i] =
          of_minima * static_cast<float>((packed[8 + i] >> 4) | (packed[4 + i] >> 6) << 4);
    }
  }
  float scale[8];
  float minimum[8];
};

// Two fp16 factors, scales, 32 bytes of fifth bits where numbers have five, and 128 bytes of two
// numbers each: of 64 numbers, the first 32 are in the low halves.
template <bool kFifthBit>
struct Q45_K {
  static constexpr int kElements = 256;
  static constexpr int kHead = 16 + (kFifthBit ? 32 : 0);
  static constexpr int kBytes = kHead + 128;

  static TWILL_INLINE void decode(const std::uint8_t* from, float* to) {
    Numbers<256> numbers;
    for (int part = 0; part < 8; ++part) {
      for (int i = 0; i < 32; ++i) {
        const int low = from[kHead + part / 2 * 32 + i] >> (part % 2 * 4) & 15;
        const int fifth = kFifthBit ? from[16 + i] >> part & 1 : 0;
        numbers.at[part * 32 + i] = static_cast<std::int8_t>(low | fifth << 4);
      }
    }
    const Scales of(from + 4, half_at(from), half_at(from + 2));
    for (int part = 0; part < 8; ++part) {
      numbers.scale(part * 32, 32, of.scale[part], of.minimum[part], to);
    }
  }
};

// 128 bytes of low halves and 64 of high quarters of numbers, 16 scales of 8 bits, their fp16
// factor.
struct Q6_K {
  static constexpr int kElements = 256;
  static constexpr int kBytes = 210;

  static TWILL_INLINE void decode(const std::uint8_t* from, float* to) {
    Numbers<256> numbers;
    for (int part = 0; part < 8; ++part) {
      const std::uint8_t* const lows = from + part / 4 * 64 + part % 2 * 32;
      const std::uint8_t* const highs = from + 128 + part / 4 * 32;
      for (int i = 0; i < 32; ++i) {
        const int low = lows[i] >> (part % 4 / 2 * 4) & 15;
        const int high = highs[i] >> (part % 4 * 2) & 3;
        numbers.at[part * 32 + i] = static_cast<std::int8_t>((low | high << 4) - 32);
      }
    }
    const float of_scales = half_at(from + 208);
    for (int group = 0; group < 16; ++group) {
      const auto scale = static_cast<std::int8_t>(from[192 + group]);
      numbers.scale(group * 16, 16, of_scales * static_cast<float>(scale), to);
    }
  }
};

// Of one type.
template <typename Block>
struct Blocks {
  const std::uint8_t* from;
  std::int64_t count;
  float* to;
};

template <typename Block>
TWILL_INLINE void decode_blocks_body(const Blocks<Block>& p) {
  for (std::int64_t i = 0; i < p.count; ++i) {
    Block::decode(p.from + i * Block::kBytes, p.to + i * Block::kElements);
  }
}
TWILL_DISPATCH(template <typename Block>, decode_blocks, (const Blocks<Block>& p), (p))

template <typename Block>
void dequantise(const std::uint8_t* from, std::int64_t blocks, float* to) {
  decode_blocks<Block>({.from = from, .count = blocks, .to = to});
}

constexpr GgmlType plain(std::uint32_t number, std::string_view name, std::uint64_t bytes,
                         at::ScalarType dtype) {
  return {.number = number, .name = name, .bytes = bytes, .dtype = dtype};
}
template <typename Block>
constexpr GgmlType blocks_of(std::uint32_t number, std::string_view name, StoredNumbers numbers) {
  return {.number = number,
          .name = name,
          .elements = Block::kElements,
          .bytes = Block::kBytes,
          .dequantise = dequantise<Block>,
          .numbers = numbers};
}
constexpr GgmlType unread(std::uint32_t number, std::string_view name, std::uint64_t elements,
                          std::uint64_t bytes) {
  return {.number = number, .name = name, .elements = elements, .bytes = bytes};
}

// ggml_type of ggml.h; sizes of those that are not read are GGML_QUANT_SIZES of gguf 0.19.0.
constexpr std::array kTypes{
    plain(0, "F32", 4, at::kFloat),
    plain(1, "F16", 2, at::kHalf),
    plain(30, "BF16", 2, at::kBFloat16),
    blocks_of<Q8_0>(8, "Q8_0", StoredNumbers::kQ8_0),
    blocks_of<Q6_K>(14, "Q6_K", StoredNumbers::kQ6_K),
    blocks_of<Q45_K<true>>(13, "Q5_K", StoredNumbers::kQ5_K),
    blocks_of<Q45_K<false>>(12, "Q4_K", StoredNumbers::kQ4_K),
    blocks_of<Q3_K>(11, "Q3_K", StoredNumbers::kQ3_K),
    blocks_of<Q2_K>(10, "Q2_K", StoredNumbers::kQ2_K),
    blocks_of<Nibbles<true, true>>(7, "Q5_1", StoredNumbers::kQ5_1),
    blocks_of<Nibbles<false, true>>(6, "Q5_0", StoredNumbers::kQ5_0),
    blocks_of<Nibbles<true, false>>(3, "Q4_1", StoredNumbers::kQ4_1),
    blocks_of<Nibbles<false, false>>(2, "Q4_0", StoredNumbers::kQ4_0),
    plain(28, "F64", 8, at::kDouble),
    plain(27, "I64", 8, at::kLong),
    plain(26, "I32", 4, at::kInt),
    plain(25, "I16", 2, at::kShort),
    plain(24, "I8", 1, at::kChar),
    unread(9, "Q8_1", 32, 40),
    unread(15, "Q8_K", 256, 292),
    unread(16, "IQ2_XXS", 256, 66),
    unread(17, "IQ2_XS", 256, 74),
    unread(18, "IQ3_XXS", 256, 98),
    unread(19, "IQ1_S", 256, 50),
    unread(20, "IQ4_NL", 32, 18),
    unread(21, "IQ3_S", 256, 110),
    unread(22, "IQ2_S", 256, 82),
    unread(23, "IQ4_XS", 256, 136),
    unread(29, "IQ1_M", 256, 56),
    unread(34, "TQ1_0", 256, 54),
    unread(35, "TQ2_0", 256, 66),
    unread(39, "MXFP4", 32, 17),
    unread(40, "NVFP4", 64, 36),
    unread(41, "Q1_0", 128, 18),
};

}  // namespace

const GgmlType* ggml_type(std::uint32_t number) {
  const auto* const found = std::ranges::find(kTypes, number, &GgmlType::number);
  return found == kTypes.end() ? nullptr : found;
}

const GgmlType* ggml_type(StoredNumbers numbers) {
  const auto* const found = std::ranges::find(kTypes, numbers, &GgmlType::numbers);
  return numbers == StoredNumbers::kPlain || found == kTypes.end() ? nullptr : found;
}

std::string ggml_types_read() {
  std::string names;
  for (const GgmlType& type : kTypes) {
    if (type.is_read()) {
      names += names.empty() ? "" : ", ";
      names += type.name;
    }
  }
  return names;
}

}  // namespace twill::engine
