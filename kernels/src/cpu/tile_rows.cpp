// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "tile_rows.h"

#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace twill::kernels {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kLargePage = std::size_t{2} << 20;

}  // namespace

void FreeBuffer::operator()(float* memory) const { std::free(memory); }

FloatBuffer make_buffer(std::int64_t floats) {
  std::size_t bytes = static_cast<std::size_t>(floats) * sizeof(float);
  // Small pages cost as much at their first touch as packing does.
  const std::size_t unit = bytes >= kLargePage ? kLargePage : kCacheLine;
  bytes = (bytes + unit - 1) / unit * unit;
  void* memory = std::aligned_alloc(unit, bytes);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
#if defined(__linux__)
  if (unit == kLargePage) {
    madvise(memory, bytes, MADV_HUGEPAGE);  // a hint: may be refused
  }
#endif
  return FloatBuffer(static_cast<float*>(memory));
}

}  // namespace twill::kernels
