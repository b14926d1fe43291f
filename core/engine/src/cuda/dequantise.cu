// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "cuda/dequantise.h"

#include <cuda_fp8.h>
#include <cuda_runtime.h>

#include <string>
#include <type_traits>

#include "cuda/eight.cuh"
#include "gguf_elements.h"

namespace twill::engine::cuda {
namespace {

constexpr int kThreads = 256;

template <typename Block, typename Out>
__global__ void __launch_bounds__(kThreads)
    blocks_kernel(const std::uint8_t* from, Out* to, std::int64_t eights) {
  const std::int64_t eight = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (eight >= eights) {
    return;
  }
  const std::int64_t first = eight * kEight;
  const std::uint8_t* const block = from + first / Block::kElements * Block::kBytes;
  const int at = static_cast<int>(first % Block::kElements);
  float values[kEight];
#pragma unroll
  for (int i = 0; i < kEight; ++i) {
    values[i] = Block::at(block, at + i);
  }
  store_eight(values, to + first);
}

template <__nv_fp8_interpretation_t kKind, typename Out>
__global__ void __launch_bounds__(kThreads) fp8_kernel(StoredRows p, std::int64_t eights) {
  const std::int64_t eight = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (eight >= eights) {
    return;
  }
  const std::int64_t first = eight * kEight;
  const float scale = p.scale == nullptr ? 1.0f
                      : p.scale_by_row   ? p.scale[first / p.columns]
                                         : p.scale[0];
  union {
    uint2 words;
    __nv_fp8_storage_t bytes[kEight];
  } read;
  read.words = reinterpret_cast<const uint2*>(p.from)[eight];
  float values[kEight];
#pragma unroll
  for (int i = 0; i < kEight; ++i) {
    values[i] =
        __fmul_rn(__half2float(__half(__nv_cvt_fp8_to_halfraw(read.bytes[i], kKind))), scale);
  }
  store_eight(values, static_cast<Out*>(p.out) + first);
}

// Calls with a null pointer of the block's type.
template <typename Function>
bool with_block(StoredNumbers numbers, const Function& function) {
  const auto call = [&](auto* block) {
    function(block);
    return true;
  };
  switch (numbers) {
    case StoredNumbers::kQ8_0:
      return call(static_cast<elements::Q8_0*>(nullptr));
    case StoredNumbers::kQ6_K:
      return call(static_cast<elements::Q6_K*>(nullptr));
    case StoredNumbers::kQ5_K:
      return call(static_cast<elements::Q45_K<true>*>(nullptr));
    case StoredNumbers::kQ4_K:
      return call(static_cast<elements::Q45_K<false>*>(nullptr));
    case StoredNumbers::kQ3_K:
      return call(static_cast<elements::Q3_K*>(nullptr));
    case StoredNumbers::kQ2_K:
      return call(static_cast<elements::Q2_K*>(nullptr));
    case StoredNumbers::kQ5_1:
      return call(static_cast<elements::Nibbles<true, true>*>(nullptr));
    case StoredNumbers::kQ5_0:
      return call(static_cast<elements::Nibbles<false, true>*>(nullptr));
    case StoredNumbers::kQ4_1:
      return call(static_cast<elements::Nibbles<true, false>*>(nullptr));
    case StoredNumbers::kQ4_0:
      return call(static_cast<elements::Nibbles<false, false>*>(nullptr));
    default:
      return false;
  }
}

}  // namespace

bool takes_stored(const StoredRows& rows) {
  const auto aligned = [](const void* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
  };
  return rows.numbers != StoredNumbers::kPlain && aligned(rows.from) && aligned(rows.out) &&
         (rows.scale_by_row ? rows.columns : rows.rows * rows.columns) % kEight == 0;
}

kernels::Status dequantise(const StoredRows& rows, void* stream) {
  const std::int64_t eights = rows.rows * rows.columns / kEight;
  if (eights == 0) {
    return {};
  }
  const auto blocks = static_cast<unsigned>((eights + kThreads - 1) / kThreads);
  const auto queue = static_cast<cudaStream_t>(stream);
  with_element(rows.dtype, [&](auto* tag) {
    using Out = std::remove_pointer_t<decltype(tag)>;
    const bool in_blocks = with_block(rows.numbers, [&](auto* block) {
      using Block = std::remove_pointer_t<decltype(block)>;
      blocks_kernel<Block><<<blocks, kThreads, 0, queue>>>(
          static_cast<const std::uint8_t*>(rows.from), static_cast<Out*>(rows.out), eights);
    });
    if (!in_blocks && rows.numbers == StoredNumbers::kE4m3) {
      fp8_kernel<__NV_E4M3, Out><<<blocks, kThreads, 0, queue>>>(rows, eights);
    } else if (!in_blocks) {
      fp8_kernel<__NV_E5M2, Out><<<blocks, kThreads, 0, queue>>>(rows, eights);
    }
  });
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? kernels::Status{}
                              : kernels::Status::failure(std::string("stored weights: ") +
                                                         cudaGetErrorString(error));
}

}  // namespace twill::engine::cuda
