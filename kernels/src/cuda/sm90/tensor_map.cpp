// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "tensor_map.h"

#include <cuda_runtime_api.h>

#include <algorithm>

#include "../../checks.h"
#include "../../elements.h"

namespace twill::kernels::sm90 {
namespace {

using Encode = decltype(&cuTensorMapEncodeTiled);

// The driver is asked through the runtime, so that nothing links libcuda and a machine without a
// driver can load this library.
Encode find_encode() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult result;
  constexpr unsigned kFirstVersion = 12000;
  const cudaError_t error = cudaGetDriverEntryPointByVersion(
      "cuTensorMapEncodeTiled", &function, kFirstVersion, cudaEnableDefault, &result);
  const bool found = error == cudaSuccess && result == cudaDriverEntryPointSuccess;
  return found ? reinterpret_cast<Encode>(function) : nullptr;
}

}  // namespace

Status make_tensor_map(const void* base, const Strides& strides, const MapShape& shape,
                       CUtensorMap* map) {
  static const Encode encode = find_encode();
  if (encode == nullptr) {
    return refuse("the CUDA driver has no cuTensorMapEncodeTiled (12.0 or later is needed)");
  }
  const auto bytes = static_cast<std::uint64_t>(element_bytes(shape.dtype));
  // The stride of an axis of one is never used, but the driver checks it.
  const auto stride = [&](std::int64_t elements, std::int32_t size) {
    return size > 1 ? static_cast<std::uint64_t>(elements) * bytes : std::uint64_t{16};
  };
  const cuuint64_t sizes[4] = {
      static_cast<cuuint64_t>(shape.head_dim), static_cast<cuuint64_t>(shape.tokens),
      static_cast<cuuint64_t>(shape.heads), static_cast<cuuint64_t>(shape.batch)};
  const cuuint64_t pitches[3] = {stride(strides.token, shape.tokens),
                                 stride(strides.head, shape.heads),
                                 stride(strides.batch, shape.batch)};
  const cuuint32_t box[4] = {64, kKeyTile, 1, 1};
  const cuuint32_t steps[4] = {1, 1, 1, 1};
  const CUtensorMapDataType type = shape.dtype == Dtype::kBf16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                                                               : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  const CUresult result =
      encode(map, type, 4, const_cast<void*>(base), sizes, pitches, box, steps,
             CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) {
    return refuse("cuTensorMapEncodeTiled answers ", static_cast<int>(result), " for strides ",
                  strides.batch, ", ", strides.head, ", ", strides.token);
  }
  return {};
}

}  // namespace twill::kernels::sm90
