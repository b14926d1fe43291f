// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include <cmath>

#include "../base2_factor.h"
#include "../checks.h"
#include "device.h"
#include "mma_tile.cuh"
#include "twill/kernels/cuda_profiling.h"

namespace twill::kernels {
namespace {

struct MapArgs {
  AttentionTensors tensors;
  std::int32_t size, query_stride;
  std::int32_t block;  // tokens of a block
  float factor;        // base2_factor()
  float* map;
};

template <typename Element, int kHeadDim>
struct MapTiles {
  mma::Tile<Element, kHeadDim> queries, keys;
  float share[4];  // of a warp
};

// One row of blocks of the map, 64 sampled queries at a time: first the maximum and the sum over
// all keys, then the share of each key block.
template <typename Element, int kHeadDim>
class MapRow {
 public:
  __device__ MapRow(const MapArgs& args, MapTiles<Element, kHeadDim>& tiles)
      : args_(args), tiles_(tiles) {
    const std::int64_t batch = blockIdx.z;
    const std::int64_t head = blockIdx.y;
    q_ = static_cast<const Element*>(args.tensors.q) + batch * args.tensors.q_strides.batch +
         head * args.tensors.q_strides.head;
    k_ = static_cast<const Element*>(args.tensors.k) + batch * args.tensors.k_strides.batch +
         head * args.tensors.k_strides.head;
    map_ = args.map + ((batch * args.tensors.heads + head) * args.size + blockIdx.x) * args.size;
    begin_ = begin_of(blockIdx.x);
    queries_ = (begin_of(blockIdx.x + 1) - begin_ + args.query_stride - 1) / args.query_stride;
  }

  __device__ void draw() {
    for (std::int32_t block = threadIdx.x; block < args_.size; block += mma::kThreads) {
      map_[block] = 0.0f;
    }
    for (std::int32_t first = 0; first < queries_; first += mma::kRows) {
      load_queries(first);
      find_sums();
      for (std::int32_t block = 0; block < args_.size; ++block) {
        add_share(block);
      }
    }
  }

 private:
  __device__ std::int32_t begin_of(std::int32_t block) const {
    return static_cast<std::int32_t>(min(static_cast<std::int64_t>(block) * args_.block,
                                         static_cast<std::int64_t>(args_.tensors.tokens)));
  }

  __device__ void load_queries(std::int32_t first) {
    __syncthreads();
    mma::load_tile(tiles_.queries, q_, args_.tensors.q_strides.token, [&](int row) {
      return first + row < queries_ ? begin_ + (first + row) * args_.query_stride : -1;
    });
    for (int half = 0; half < 2; ++half) {
      const std::int32_t row = first + static_cast<std::int32_t>(threadIdx.x) / 32 * 16 +
                               threadIdx.x % 32 / 4 + 8 * half;
      weight_[half] = row < queries_ ? 1.0f / static_cast<float>(queries_) : 0.0f;
    }
  }

  // Scores (base 2) of the keys from `begin`; -infinity from `end` on.
  __device__ void score(std::int32_t begin, std::int32_t end, float (&scores)[8][4]) {
    __syncthreads();
    mma::load_tile(tiles_.keys, k_, args_.tensors.k_strides.token,
                   [&](int row) { return begin + row < end ? begin + row : -1; });
    __syncthreads();
    mma::score_tile(tiles_.queries, tiles_.keys, scores);
    for (int n = 0; n < 8; ++n) {
      for (int i = 0; i < 4; ++i) {
        scores[n][i] = begin + mma::column_of(n, i) < end ? scores[n][i] * args_.factor : -INFINITY;
      }
    }
  }

  __device__ void find_sums() {
    float sum[2] = {0.0f, 0.0f};
    maximum_[0] = maximum_[1] = -INFINITY;
    for (std::int32_t begin = 0; begin < args_.tensors.tokens; begin += mma::kRows) {
      float scores[8][4];
      score(begin, args_.tensors.tokens, scores);
      float maximum[2] = {maximum_[0], maximum_[1]};
      for (int n = 0; n < 8; ++n) {
        for (int i = 0; i < 4; ++i) {
          maximum[i / 2] = fmaxf(maximum[i / 2], scores[n][i]);
        }
      }
      for (int half = 0; half < 2; ++half) {
        maximum[half] = mma::quad_max(maximum[half]);
        sum[half] *= exp2f(maximum_[half] - maximum[half]);
        maximum_[half] = maximum[half];
      }
      for (int n = 0; n < 8; ++n) {
        for (int i = 0; i < 4; ++i) {
          sum[i / 2] += exp2f(scores[n][i] - maximum_[i / 2]);
        }
      }
    }
    weight_[0] /= mma::quad_sum(sum[0]);
    weight_[1] /= mma::quad_sum(sum[1]);
  }

  __device__ void add_share(std::int32_t block) {
    float share = 0.0f;
    const std::int32_t end = begin_of(block + 1);
    for (std::int32_t begin = begin_of(block); begin < end; begin += mma::kRows) {
      float scores[8][4];
      score(begin, end, scores);
      for (int n = 0; n < 8; ++n) {
        for (int i = 0; i < 4; ++i) {
          share += exp2f(scores[n][i] - maximum_[i / 2]) * weight_[i / 2];
        }
      }
    }
    for (int lanes = 16; lanes > 0; lanes /= 2) {
      share += __shfl_xor_sync(0xffffffffu, share, lanes);
    }
    if (threadIdx.x % 32 == 0) {
      tiles_.share[threadIdx.x / 32] = share;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      map_[block] += tiles_.share[0] + tiles_.share[1] + tiles_.share[2] + tiles_.share[3];
    }
    __syncthreads();
  }

  const MapArgs& args_;
  MapTiles<Element, kHeadDim>& tiles_;
  const Element* q_;
  const Element* k_;
  float* map_;
  std::int32_t begin_;
  std::int32_t queries_;
  float maximum_[2];
  float weight_[2];  // of this thread's rows: one over the sum and over the number of queries
};

// blockIdx: (query block, head, batch).
template <typename Element, int kHeadDim>
__global__ void __launch_bounds__(mma::kThreads)
    attention_map_kernel(const __grid_constant__ MapArgs args) {
  __shared__ MapTiles<Element, kHeadDim> tiles;
  MapRow<Element, kHeadDim>(args, tiles).draw();
}

}  // namespace

Status attention_map_cuda(const AttentionMapParams& p, void* stream) {
  const AttentionTensors& in = p.tensors;
  if (in.q == nullptr || in.k == nullptr || p.map == nullptr) {
    return refuse("q, k or map is null");
  }
  if (Status status = check_shape(in); !status) {
    return status;
  }
  if (Status status = check_profiling_shape(in); !status) {
    return status;
  }
  if (p.size < 1 || p.size > in.tokens) {
    return refuse("map size ", p.size, " is not one of 1..", in.tokens);
  }
  if (p.query_stride < 1) {
    return refuse("query_stride ", p.query_stride, " is not positive");
  }
  for (const auto& [name, base, strides] :
       {std::tuple{"q", in.q, in.q_strides}, {"k", in.k, in.k_strides}}) {
    if (Status status = check_rows(name, base, strides, in); !status) {
      return status;
    }
  }
  if (Status status = check_device(); !status) {
    return status;
  }
  const MapArgs args{.tensors = in,
                     .size = p.size,
                     .query_stride = p.query_stride,
                     .block = tile_count(in.tokens, p.size),
                     .factor = base2_factor(in.scale),
                     .map = p.map};
  const auto kernel = in.dtype == Dtype::kBf16
                          ? (in.head_dim == 64 ? attention_map_kernel<cuda::Bf16, 64>
                                               : attention_map_kernel<cuda::Bf16, 128>)
                          : (in.head_dim == 64 ? attention_map_kernel<cuda::F16, 64>
                                               : attention_map_kernel<cuda::F16, 128>);
  const dim3 grid(p.size, in.heads, in.batch);
  kernel<<<grid, mma::kThreads, 0, static_cast<cudaStream_t>(stream)>>>(args);
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? Status{}
                              : refuse("launching the attention map: ", cudaGetErrorString(error));
}

}  // namespace twill::kernels
