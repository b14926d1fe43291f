// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Memory decides how long these take: a block reads its row once, keeps it in registers and writes
// once.
#include "cuda/row_kernels.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <string>

#include "cuda/eight.cuh"

namespace twill::engine::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kPieces = 4;  // of eight elements, of a thread
constexpr std::int64_t kMostElements = kThreads * kPieces * kEight;
constexpr std::int64_t kMostRows = (std::int64_t{1} << 31) - 1;

// Of all threads; `partial` serves one call.
__device__ float block_sum(float value, float (&partial)[kWarps]) {
#pragma unroll
  for (int apart = 16; apart > 0; apart /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, apart);
  }
  if (threadIdx.x % 32 == 0) {
    partial[threadIdx.x / 32] = value;
  }
  __syncthreads();
  float sum = 0.0f;
#pragma unroll
  for (int warp = 0; warp < kWarps; ++warp) {
    sum += partial[warp];
  }
  return sum;
}

// Calls work(piece, first element) for the pieces of a row of dim elements that a thread has.
template <typename Work>
__device__ void for_pieces(std::int64_t dim, const Work& work) {
#pragma unroll
  for (int piece = 0; piece < kPieces; ++piece) {
    const int at = (piece * kThreads + static_cast<int>(threadIdx.x)) * kEight;
    if (at < dim) {
      work(piece, at);
    }
  }
}

template <typename Out>
__global__ void __launch_bounds__(kThreads) norm_kernel(NormRows p) {
  __shared__ float partial[2][kWarps];
  const std::int64_t row = blockIdx.x;
  const std::int64_t group = row / p.rows_of_group;
  float x[kPieces][kEight];
  float sum = 0.0f;
  for_pieces(p.dim, [&](int piece, int at) {
    load_eight(p.x + row * p.dim + at, x[piece]);
#pragma unroll
    for (float value : x[piece]) {
      sum += value;
    }
  });
  const float mean = block_sum(sum, partial[0]) / static_cast<float>(p.dim);
  float squares = 0.0f;
  for_pieces(p.dim, [&](int piece, int) {
#pragma unroll
    for (float& value : x[piece]) {
      value -= mean;
      squares += value * value;
    }
  });
  const float variance = block_sum(squares, partial[1]) / static_cast<float>(p.dim);
  const float scale = rsqrtf(variance + p.epsilon);
  for_pieces(p.dim, [&](int piece, int at) {
    float multiply[kEight];
    float add[kEight];
    load_eight(p.multiply + group * p.multiply_stride + at, multiply);
    load_eight(p.add + group * p.add_stride + at, add);
#pragma unroll
    for (int i = 0; i < kEight; ++i) {
      x[piece][i] = fmaf(x[piece][i] * scale, multiply[i], add[i]);
    }
    store_eight(x[piece], static_cast<Out*>(p.out) + row * p.dim + at);
  });
}

template <typename Element>
__global__ void __launch_bounds__(kThreads) rope_kernel(RopeRows p) {
  __shared__ float partial[kWarps];
  const std::int64_t row = blockIdx.x;
  Element* const to = static_cast<Element*>(p.x) + row * p.row_stride;
  float x[kPieces][kEight];
  float squares = 0.0f;
  for_pieces(p.dim, [&](int piece, int at) {
    load_eight(to + at, x[piece]);
#pragma unroll
    for (float value : x[piece]) {
      squares += value * value;
    }
  });
  const float scale = rsqrtf(block_sum(squares, partial) / static_cast<float>(p.dim) + p.epsilon);
  const std::int64_t half = p.head_dim / 2;
  const std::int64_t table = row % p.tokens * half;
  for_pieces(p.dim, [&](int piece, int at) {
    float weight[kEight];
    load_eight(p.weight + at, weight);
#pragma unroll
    for (int i = 0; i < kEight; ++i) {
      x[piece][i] *= scale * weight[i];
    }
    if (p.cos != nullptr) {
      const std::int64_t pair = table + at % p.head_dim / 2;
      const float4 cos = *reinterpret_cast<const float4*>(p.cos + pair);
      const float4 sin = *reinterpret_cast<const float4*>(p.sin + pair);
      const float c[4] = {cos.x, cos.y, cos.z, cos.w};
      const float s[4] = {sin.x, sin.y, sin.z, sin.w};
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float even = x[piece][2 * i];
        const float odd = x[piece][2 * i + 1];
        x[piece][2 * i] = even * c[i] - odd * s[i];
        x[piece][2 * i + 1] = even * s[i] + odd * c[i];
      }
    }
    store_eight(x[piece], to + at);
  });
}

template <typename Element>
__global__ void __launch_bounds__(kThreads) gated_kernel(GatedRows p) {
  const std::int64_t row = blockIdx.x;
  const float* const gates = p.gate + row / p.rows_of_group * p.gate_stride;
  for_pieces(p.dim, [&](int, int at) {
    float x[kEight];
    float y[kEight];
    float gate[kEight];
    load_eight(p.x + row * p.dim + at, x);
    load_eight(static_cast<const Element*>(p.y) + row * p.dim + at, y);
    load_eight(gates + at, gate);
#pragma unroll
    for (int i = 0; i < kEight; ++i) {
      x[i] = fmaf(y[i], gate[i], x[i]);
    }
    store_eight(x, p.x + row * p.dim + at);
  });
}

// `lanes` neighbouring lanes have a pixel, kPieces times eight of its channels at most each.
template <typename Element>
__global__ void __launch_bounds__(kThreads) taps_kernel(NormTaps p, int lanes) {
  const int lane = static_cast<int>(threadIdx.x) % lanes;
  const std::int64_t pixel =
      (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) / lanes;
  const bool inside = pixel < p.pixels;  // all lanes take part in the sums
  const std::int64_t frame_elements = p.pixels * p.channels;
  const auto* const x = static_cast<const Element*>(p.x);
  const auto* const history = static_cast<const Element*>(p.history);
  auto* const out = static_cast<Element*>(p.out);
  auto* const next = static_cast<Element*>(p.next_history);
  const float width = sqrtf(static_cast<float>(p.channels));
  const auto in_pieces = [&](const auto& work) {
#pragma unroll
    for (int piece = 0; piece < kPieces; ++piece) {
      const int at = (piece * lanes + lane) * kEight;
      if (inside && at < p.channels) {
        work(piece, at);
      }
    }
  };
  // Of a frame (-2 and -1 are the history) to where it is seen and kept.
  const auto put = [&](std::int64_t frame, int at, const float(&values)[kEight]) {
#pragma unroll
    for (int place = 0; place < 3; ++place) {
      const std::int64_t seen_by = frame + 2 - place;
      if (seen_by >= 0 && seen_by < p.frames) {
        store_eight(values, out + 3 * (seen_by * frame_elements + pixel * p.channels) +
                                place * p.channels + at);
      }
    }
    const std::int64_t kept = frame - (p.frames - 2);
    if (kept >= 0) {
      store_eight(values, next + kept * frame_elements + pixel * p.channels + at);
    }
  };
  in_pieces([&](int, int at) {
    for (std::int64_t frame = -2; frame < 0; ++frame) {
      float values[kEight] = {};
      if (history != nullptr) {
        load_eight(history + (frame + 2) * frame_elements + pixel * p.channels + at, values);
      }
      put(frame, at, values);
    }
  });
  for (std::int64_t frame = 0; frame < p.frames; ++frame) {
    float values[kPieces][kEight];
    float squares = 0.0f;
    in_pieces([&](int piece, int at) {
      load_eight(x + frame * frame_elements + pixel * p.channels + at, values[piece]);
#pragma unroll
      for (float value : values[piece]) {
        squares += value * value;
      }
    });
    for (int apart = lanes / 2; apart > 0; apart /= 2) {
      squares += __shfl_xor_sync(0xffffffffu, squares, apart);
    }
    const float scale = width / fmaxf(sqrtf(squares), p.smallest_norm);
    in_pieces([&](int piece, int at) {
      float gamma[kEight];
      load_eight(p.gamma + at, gamma);
#pragma unroll
      for (int i = 0; i < kEight; ++i) {
        const float value = values[piece][i] * scale * gamma[i];
        values[piece][i] = value / (1.0f + __expf(-value));
      }
      put(frame, at, values[piece]);
    });
  }
}

kernels::Status launched(const char* what) {
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess
             ? kernels::Status{}
             : kernels::Status::failure(std::string(what) + ": " + cudaGetErrorString(error));
}

template <typename Launch>
kernels::Status launch_rows(const char* what, std::int64_t rows, const Launch& launch) {
  if (rows > kMostRows) {
    return kernels::Status::failure(std::string(what) + ": too many rows, " + std::to_string(rows));
  }
  if (rows > 0) {
    launch(static_cast<unsigned>(rows));
  }
  return launched(what);
}

}  // namespace

bool takes_rows(std::int64_t dim) { return dim % kEight == 0 && dim <= kMostElements; }

kernels::Status layer_norm_affine(const NormRows& rows, void* stream) {
  return launch_rows("layer norm", rows.rows, [&](unsigned blocks) {
    with_element(rows.dtype, [&](auto* tag) {
      using Out = std::remove_pointer_t<decltype(tag)>;
      norm_kernel<Out><<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(rows);
    });
  });
}

kernels::Status rms_norm_rope(const RopeRows& rows, void* stream) {
  return launch_rows("rms norm", rows.rows, [&](unsigned blocks) {
    with_element(rows.dtype, [&](auto* tag) {
      using Element = std::remove_pointer_t<decltype(tag)>;
      rope_kernel<Element><<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(rows);
    });
  });
}

kernels::Status add_gated(const GatedRows& rows, void* stream) {
  return launch_rows("gated sum", rows.rows, [&](unsigned blocks) {
    with_element(rows.dtype, [&](auto* tag) {
      using Element = std::remove_pointer_t<decltype(tag)>;
      gated_kernel<Element><<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(rows);
    });
  });
}

bool takes_channels(std::int64_t channels) {
  return channels % kEight == 0 && channels <= 32 * kPieces * kEight;
}

kernels::Status norm_silu_taps(const NormTaps& taps, void* stream) {
  int lanes = 1;
  while (lanes < 32 && lanes * kEight < taps.channels) {
    lanes *= 2;
  }
  const std::int64_t blocks = (taps.pixels * lanes + kThreads - 1) / kThreads;
  return launch_rows("norm of a clip", blocks, [&](unsigned count) {
    with_element(taps.dtype, [&](auto* tag) {
      using Element = std::remove_pointer_t<decltype(tag)>;
      taps_kernel<Element><<<count, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(taps, lanes);
    });
  });
}

}  // namespace twill::engine::cuda
