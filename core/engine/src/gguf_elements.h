// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Single numbers of GGUF's blocks, for CUDA, where each thread makes a few: bit for bit what
// gguf_blocks.cpp makes of whole blocks. Blocks begin at even addresses. On the host no product may
// be fused with a sum.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#include <cuda_fp16.h>
#define TWILL_ON_BOTH __host__ __device__ __forceinline__
#else
#include <c10/util/Half.h>

#include <cstring>
#define TWILL_ON_BOTH inline
#endif

namespace twill::engine::elements {

TWILL_ON_BOTH float half_at(const std::uint8_t* from) {
#ifdef __CUDACC__
  __half_raw raw;
  raw.x = *reinterpret_cast<const std::uint16_t*>(from);
  return __half2float(__half(raw));
#else
  std::uint16_t bits = 0;
  std::memcpy(&bits, from, sizeof(bits));
  return static_cast<float>(c10::Half(bits, c10::Half::from_bits()));
#endif
}

TWILL_ON_BOTH float times(float a, float b) {
#ifdef __CUDA_ARCH__
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}

TWILL_ON_BOTH float less(float a, float b) {
#ifdef __CUDA_ARCH__
  return __fsub_rn(a, b);
#else
  return a - b;
#endif
}

// Each type has kElements and kBytes of a block, and the number `i` of one.
template <bool kMinimum, bool kFifthBit>
struct Nibbles {
  static constexpr int kElements = 32;
  static constexpr int kHead = (kMinimum ? 4 : 2) + (kFifthBit ? 4 : 0);
  static constexpr int kBytes = kHead + kElements / 2;

  static TWILL_ON_BOTH float at(const std::uint8_t* block, int i) {
    int number = block[kHead + i % 16] >> (i / 16 * 4) & 15;
    if (kFifthBit) {
      number |= (block[kHead - 4 + i / 8] >> (i % 8) & 1) << 4;
    }
    const float scale = half_at(block);
    if (kMinimum) {
      return less(times(scale, static_cast<float>(number)), -half_at(block + 2));
    }
    return times(scale, static_cast<float>(number - (kFifthBit ? 16 : 8)));
  }
};

struct Q8_0 {
  static constexpr int kElements = 32;
  static constexpr int kBytes = 34;

  static TWILL_ON_BOTH float at(const std::uint8_t* block, int i) {
    return times(half_at(block), static_cast<float>(static_cast<std::int8_t>(block[2 + i])));
  }
};

struct Q2_K {
  static constexpr int kElements = 256;
  static constexpr int kBytes = 84;

  static TWILL_ON_BOTH float at(const std::uint8_t* block, int i) {
    const int part = i / 32;
    const int number = block[16 + part / 4 * 32 + i % 32] >> (part % 4 * 2) & 3;
    const int of_group = block[i / 16];
    return less(times(times(half_at(block + 80), static_cast<float>(of_group & 15)),
                      static_cast<float>(number)),
                times(half_at(block + 82), static_cast<float>(of_group >> 4)));
  }
};

struct Q3_K {
  static constexpr int kElements = 256;
  static constexpr int kBytes = 110;

  static TWILL_ON_BOTH float at(const std::uint8_t* block, int i) {
    const int part = i / 32;
    const int low = block[32 + part / 4 * 32 + i % 32] >> (part % 4 * 2) & 3;
    const int third = block[i % 32] >> part & 1;
    const int group = i / 16;
    const std::uint8_t* const packed = block + 96;
    const int scale = (packed[group % 8] >> (group / 8 * 4) & 15) |
                      (packed[8 + group % 4] >> (group / 4 * 2) & 3) << 4;
    return times(times(half_at(block + 108), static_cast<float>(scale - 32)),
                 static_cast<float>((low | third << 2) - 4));
  }
};

template <bool kFifthBit>
struct Q45_K {
  static constexpr int kElements = 256;
  static constexpr int kHead = 16 + (kFifthBit ? 32 : 0);
  static constexpr int kBytes = kHead + 128;

  static TWILL_ON_BOTH float at(const std::uint8_t* block, int i) {
    const int part = i / 32;
    const int low = block[kHead + part / 2 * 32 + i % 32] >> (part % 2 * 4) & 15;
    const int fifth = kFifthBit ? block[16 + i % 32] >> part & 1 : 0;
    const std::uint8_t* const packed = block + 4;
    const int scale =
        part < 4 ? packed[part] & 63 : (packed[4 + part] & 15) | (packed[part - 4] >> 6) << 4;
    const int minimum =
        part < 4 ? packed[4 + part] & 63 : (packed[4 + part] >> 4) | (packed[part] >> 6) << 4;
    return less(times(times(half_at(block), static_cast<float>(scale)),
                      static_cast<float>(low | fifth << 4)),
                times(half_at(block + 2), static_cast<float>(minimum)));
  }
};

struct Q6_K {
  static constexpr int kElements = 256;
  static constexpr int kBytes = 210;

  static TWILL_ON_BOTH float at(const std::uint8_t* block, int i) {
    const int part = i / 32;
    const int low = block[part / 4 * 64 + part % 2 * 32 + i % 32] >> (part % 4 / 2 * 4) & 15;
    const int high = block[128 + part / 4 * 32 + i % 32] >> (part % 4 * 2) & 3;
    const auto scale = static_cast<std::int8_t>(block[192 + i / 16]);
    return times(times(half_at(block + 208), static_cast<float>(scale)),
                 static_cast<float>((low | high << 4) - 32));
  }
};

}  // namespace twill::engine::elements
