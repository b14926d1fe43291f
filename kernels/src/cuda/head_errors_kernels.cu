// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

#include "head_errors_kernels.h"

#include <cmath>

#include "mma_tile.cuh"

namespace twill::kernels {
namespace {

using cuda::from_float;
using cuda::to_float;

// Two weights as a pair of elements and what the rounding left, as another.
template <typename Element>
__device__ void split(float low, float high, std::uint32_t& coarse, std::uint32_t& fine) {
  Element parts[2];
  Element rest[2];
  from_float(low, parts[0]);
  from_float(high, parts[1]);
  from_float(low - to_float(parts[0]), rest[0]);
  from_float(high - to_float(parts[1]), rest[1]);
  coarse = *reinterpret_cast<const std::uint32_t*>(parts);
  fine = *reinterpret_cast<const std::uint32_t*>(rest);
}

// `args` with everything that a head has of its own at the head of this block.
__device__ HeadErrorArgs of_head(HeadErrorArgs args) {
  const std::int64_t place = blockIdx.z;
  const std::int32_t item = args.first_item + static_cast<std::int32_t>(blockIdx.z);
  const auto at = [&](const void* base, const Strides& strides) {
    return static_cast<const std::uint16_t*>(base) + item / args.tensors.heads * strides.batch +
           item % args.tensors.heads * strides.head;
  };
  args.tensors.q = at(args.tensors.q, args.tensors.q_strides);
  args.tensors.k = at(args.tensors.k, args.tensors.k_strides);
  args.tensors.v = at(args.tensors.v, args.tensors.v_strides);
  const std::int64_t parts =
      static_cast<std::int64_t>((args.tensors.tokens + kKeyTile - 1) / kKeyTile) * args.row_count;
  args.maximum += place * parts;
  args.sum += place * parts;
  args.values += place * parts * args.tensors.head_dim;
  args.dense += place * args.row_count * args.tensors.head_dim;
  args.mean += place * args.tensors.head_dim;
  args.distance += place * args.candidate_count * args.row_count;
  args.error += static_cast<std::int64_t>(item) * args.candidate_count;
  args.norm += item;
  return args;
}

// blockIdx.x: a sampled row.
__global__ void locate_rows_kernel(const __grid_constant__ HeadErrorArgs args) {
  const std::int32_t token = args.rows[blockIdx.x];
  if (args.positions == 0) {
    args.row_tile[blockIdx.x] = token / kQueryTile;
    return;
  }
  const std::int32_t* positions = args.image + args.positions;
  for (std::int32_t i = threadIdx.x; i < args.tensors.tokens; i += blockDim.x) {
    if (positions[i] == token) {
      args.row_tile[blockIdx.x] = i / kQueryTile;
    }
  }
}

template <typename Element, int kHeadDim>
struct PartTiles {
  mma::Tile<Element, kHeadDim> queries, keys, values;
};

// blockIdx: (key tile, 64 of the rows, head).
template <typename Element, int kHeadDim>
__global__ void __launch_bounds__(mma::kThreads)
    tile_parts_kernel(const __grid_constant__ HeadErrorArgs launch) {
  const HeadErrorArgs args = of_head(launch);
  extern __shared__ __align__(16) unsigned char memory[];
  auto& tiles = *reinterpret_cast<PartTiles<Element, kHeadDim>*>(memory);
  const auto tile = static_cast<std::int32_t>(blockIdx.x);
  const auto first_row = static_cast<std::int32_t>(blockIdx.y * mma::kRows);
  const std::int32_t keys = min(kKeyTile, args.tensors.tokens - tile * kKeyTile);
  const std::int32_t* positions = args.positions != 0 ? args.image + args.positions : nullptr;
  const auto key_token = [&](int row) {
    const std::int32_t position = tile * kKeyTile + row;
    return row >= keys ? -1 : positions != nullptr ? positions[position] : position;
  };
  mma::load_tile(
      tiles.queries, static_cast<const Element*>(args.tensors.q), args.tensors.q_strides.token,
      [&](int row) { return first_row + row < args.row_count ? args.rows[first_row + row] : -1; });
  mma::load_tile(tiles.keys, static_cast<const Element*>(args.tensors.k),
                 args.tensors.k_strides.token, key_token);
  mma::load_tile(tiles.values, static_cast<const Element*>(args.tensors.v),
                 args.tensors.v_strides.token, key_token);
  __syncthreads();
  float scores[8][4];
  mma::score_tile(tiles.queries, tiles.keys, scores);
  float maximum[2] = {-INFINITY, -INFINITY};
  for (int n = 0; n < 8; ++n) {
    for (int i = 0; i < 4; ++i) {
      scores[n][i] = mma::column_of(n, i) < keys ? scores[n][i] * args.factor : -INFINITY;
      maximum[i / 2] = fmaxf(maximum[i / 2], scores[n][i]);
    }
  }
  float sum[2] = {0.0f, 0.0f};
  maximum[0] = mma::quad_max(maximum[0]);
  maximum[1] = mma::quad_max(maximum[1]);
  for (int n = 0; n < 8; ++n) {
    for (int i = 0; i < 4; ++i) {
      scores[n][i] = exp2f(scores[n][i] - maximum[i / 2]);
      sum[i / 2] += scores[n][i];
    }
  }
  sum[0] = mma::quad_sum(sum[0]);
  sum[1] = mma::quad_sum(sum[1]);
  float out[kHeadDim / 8][4] = {};
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int step = 0; step < 4; ++step) {
    std::uint32_t coarse[4];
    std::uint32_t fine[4];
    for (int i = 0; i < 4; ++i) {
      const float* pair = scores[2 * step + i / 2] + i % 2 * 2;
      split<Element>(pair[0], pair[1], coarse[i], fine[i]);
    }
#pragma unroll
    for (int block = 0; block < kHeadDim / 16; ++block) {
      std::uint32_t b[4];  // 16 keys of two blocks of 8 channels
      mma::load_four<true>(&tiles.values.rows[16 * step + lane % 16][16 * block + lane / 16 * 8],
                           b);
      mma::multiply(out[2 * block], coarse, b[0], b[1], Element{});
      mma::multiply(out[2 * block], fine, b[0], b[1], Element{});
      mma::multiply(out[2 * block + 1], coarse, b[2], b[3], Element{});
      mma::multiply(out[2 * block + 1], fine, b[2], b[3], Element{});
    }
  }
  for (int half = 0; half < 2; ++half) {
    const std::int32_t row =
        first_row + static_cast<std::int32_t>(threadIdx.x) / 32 * 16 + lane / 4 + 8 * half;
    if (row >= args.row_count) {
      continue;
    }
    const std::int64_t at = static_cast<std::int64_t>(tile) * args.row_count + row;
    if (lane % 4 == 0) {
      args.maximum[at] = maximum[half];
      args.sum[at] = sum[half];
    }
#pragma unroll
    for (int block = 0; block < kHeadDim / 8; ++block) {
      *reinterpret_cast<float2*>(args.values + at * kHeadDim + mma::column_of(block, 0)) = {
          out[block][2 * half], out[block][2 * half + 1]};
    }
  }
}

// The attention row over the tiles of runs, by one warp; a lane has kHeadDim / 32 channels from
// lane * kHeadDim / 32. Without tiles: 0.
template <int kHeadDim>
class RowJoin {
 public:
  static constexpr int kChannels = kHeadDim / 32;

  __device__ RowJoin(const HeadErrorArgs& args, std::int32_t row) : args_(args), row_(row) {}

  __device__ void join(const KeyRun* runs, std::int32_t count, float (&out)[kChannels]) const {
    const int lane = threadIdx.x % 32;
    float most = -INFINITY;
    for (std::int32_t i = 0; i < count; ++i) {
      for (std::int32_t tile = runs[i].first + lane; tile < runs[i].first + runs[i].count;
           tile += 32) {
        most = fmaxf(most, args_.maximum[index(tile)]);
      }
    }
    for (int distance = 16; distance > 0; distance /= 2) {
      most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, distance));
    }
    float total = 0.0f;
    for (float& value : out) {
      value = 0.0f;
    }
    for (std::int32_t i = 0; i < count; ++i) {
      const std::int32_t end = runs[i].first + runs[i].count;
#pragma unroll 4
      for (std::int32_t tile = runs[i].first; tile < end; ++tile) {
        const std::int64_t at = index(tile);
        const float weight = exp2f(args_.maximum[at] - most);
        total += weight * args_.sum[at];
        const float* values = args_.values + at * kHeadDim + lane * kChannels;
#pragma unroll
        for (int c = 0; c < kChannels; c += 2) {
          const float2 pair = __ldg(reinterpret_cast<const float2*>(values + c));
          out[c] += weight * pair.x;
          out[c + 1] += weight * pair.y;
        }
      }
    }
    for (float& value : out) {
      value = total > 0.0f ? value / total : 0.0f;
    }
  }

 private:
  __device__ std::int64_t index(std::int32_t tile) const {
    return static_cast<std::int64_t>(tile) * args_.row_count + row_;
  }

  const HeadErrorArgs& args_;
  std::int32_t row_;
};

constexpr int kJoinWarps = 4;  // of a block, a row each

// blockIdx: (rows, 0, head).
template <int kHeadDim>
__global__ void __launch_bounds__(32 * kJoinWarps)
    dense_rows_kernel(const __grid_constant__ HeadErrorArgs launch) {
  const HeadErrorArgs args = of_head(launch);
  const std::int32_t row = blockIdx.x * kJoinWarps + threadIdx.x / 32;
  if (row >= args.row_count) {
    return;
  }
  const KeyRun all{.first = 0, .count = (args.tensors.tokens + kKeyTile - 1) / kKeyTile};
  constexpr int kChannels = RowJoin<kHeadDim>::kChannels;
  float out[kChannels];
  RowJoin<kHeadDim>(args, row).join(&all, 1, out);
  for (int c = 0; c < kChannels; ++c) {
    args.dense[row * kHeadDim + static_cast<int>(threadIdx.x) % 32 * kChannels + c] = out[c];
  }
}

// blockIdx: (rows, candidate, head).
template <int kHeadDim>
__global__ void __launch_bounds__(32 * kJoinWarps)
    distances_kernel(const __grid_constant__ HeadErrorArgs launch) {
  const HeadErrorArgs args = of_head(launch);
  const CudaHead candidate = args.candidates[blockIdx.y];
  const std::int32_t row = blockIdx.x * kJoinWarps + threadIdx.x / 32;
  if (candidate.mode != static_cast<std::int32_t>(HeadMode::kSparse) || row >= args.row_count) {
    return;
  }
  const CudaList list = reinterpret_cast<const CudaList*>(args.image + args.lists)[candidate.list];
  if (list.positions != args.positions) {
    return;
  }
  const std::int32_t tile = args.row_tile[row];
  const std::int32_t begin = args.image[list.run_begin + tile];
  const std::int32_t end = args.image[list.run_begin + tile + 1];
  constexpr int kChannels = RowJoin<kHeadDim>::kChannels;
  float out[kChannels];
  RowJoin<kHeadDim>(args, row).join(reinterpret_cast<const KeyRun*>(args.image + list.runs) + begin,
                                    end - begin, out);
  float distance = 0.0f;
  for (int c = 0; c < kChannels; ++c) {
    const float step =
        out[c] - args.dense[row * kHeadDim + static_cast<int>(threadIdx.x) % 32 * kChannels + c];
    distance += step * step;
  }
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    distance += __shfl_xor_sync(0xffffffffu, distance, lanes);
  }
  if (threadIdx.x % 32 == 0) {
    args.distance[candidate.head * args.row_count + row] = distance;
  }
}

// blockIdx: (channel, 0, head).
template <typename Element>
__global__ void mean_value_kernel(const __grid_constant__ HeadErrorArgs launch) {
  const HeadErrorArgs args = of_head(launch);
  __shared__ float sums[256];
  const auto* v = static_cast<const Element*>(args.tensors.v) + blockIdx.x;
  float sum = 0.0f;
  for (std::int32_t token = threadIdx.x; token < args.tensors.tokens; token += 256) {
    sum += to_float(v[token * args.tensors.v_strides.token]);
  }
  sums[threadIdx.x] = sum;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (static_cast<int>(threadIdx.x) < half) {
      sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    args.mean[blockIdx.x] = sums[0] / static_cast<float>(args.tensors.tokens);
  }
}

// blockIdx: (candidate, 0, head), and one more candidate for the norm; one warp each, in a fixed
// order.
__global__ void sum_errors_kernel(const __grid_constant__ HeadErrorArgs launch) {
  const HeadErrorArgs args = of_head(launch);
  const bool is_norm = static_cast<std::int32_t>(blockIdx.x) == args.candidate_count;
  const CudaHead candidate = args.candidates[is_norm ? 0 : blockIdx.x];
  const auto mode = static_cast<HeadMode>(candidate.mode);
  double sum = 0.0;
  if (!is_norm && mode == HeadMode::kSparse) {
    for (std::int32_t row = threadIdx.x; row < args.row_count; row += 32) {
      sum += static_cast<double>(args.distance[candidate.head * args.row_count + row]);
    }
  } else if (is_norm || mode != HeadMode::kDense) {
    for (std::int32_t i = threadIdx.x; i < args.row_count * args.tensors.head_dim; i += 32) {
      const bool to_mean = !is_norm && mode == HeadMode::kMean;
      const double step =
          static_cast<double>(args.dense[i]) -
          (to_mean ? static_cast<double>(args.mean[i % args.tensors.head_dim]) : 0.0);
      sum += step * step;
    }
  }
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    sum += __shfl_xor_sync(0xffffffffu, sum, lanes);
  }
  if (threadIdx.x == 0) {
    *(is_norm ? args.norm : args.error + candidate.head) = sum;
  }
}

template <typename Element, int kHeadDim>
cudaError_t launch_parts(const HeadErrorArgs& args, cudaStream_t stream) {
  constexpr int kBytes = sizeof(PartTiles<Element, kHeadDim>);
  const cudaError_t error = cudaFuncSetAttribute(
      tile_parts_kernel<Element, kHeadDim>, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes);
  if (error != cudaSuccess) {
    return error;
  }
  const dim3 grid(tile_count(args.tensors.tokens, kKeyTile), tile_count(args.row_count, mma::kRows),
                  args.items);
  tile_parts_kernel<Element, kHeadDim><<<grid, mma::kThreads, kBytes, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace

cudaError_t launch_locate_rows(const HeadErrorArgs& args, cudaStream_t stream) {
  locate_rows_kernel<<<args.row_count, 256, 0, stream>>>(args);
  return cudaGetLastError();
}

cudaError_t launch_tile_parts(const HeadErrorArgs& args, cudaStream_t stream) {
  if (args.tensors.dtype == Dtype::kBf16) {
    return args.tensors.head_dim == 64 ? launch_parts<cuda::Bf16, 64>(args, stream)
                                       : launch_parts<cuda::Bf16, 128>(args, stream);
  }
  return args.tensors.head_dim == 64 ? launch_parts<cuda::F16, 64>(args, stream)
                                     : launch_parts<cuda::F16, 128>(args, stream);
}

cudaError_t launch_dense_rows(const HeadErrorArgs& args, cudaStream_t stream) {
  const dim3 grid(tile_count(args.row_count, kJoinWarps), 1, args.items);
  (args.tensors.head_dim == 64
       ? dense_rows_kernel<64>
       : dense_rows_kernel<128>)<<<grid, 32 * kJoinWarps, 0, stream>>>(args);
  return cudaGetLastError();
}

cudaError_t launch_distances(const HeadErrorArgs& args, cudaStream_t stream) {
  const dim3 grid(tile_count(args.row_count, kJoinWarps), args.candidate_count, args.items);
  (args.tensors.head_dim == 64 ? distances_kernel<64>
                               : distances_kernel<128>)<<<grid, 32 * kJoinWarps, 0, stream>>>(args);
  return cudaGetLastError();
}

cudaError_t launch_mean_value(const HeadErrorArgs& args, cudaStream_t stream) {
  const dim3 grid(args.tensors.head_dim, 1, args.items);
  if (args.tensors.dtype == Dtype::kBf16) {
    mean_value_kernel<cuda::Bf16><<<grid, 256, 0, stream>>>(args);
  } else {
    mean_value_kernel<cuda::F16><<<grid, 256, 0, stream>>>(args);
  }
  return cudaGetLastError();
}

cudaError_t launch_sum_errors(const HeadErrorArgs& args, cudaStream_t stream) {
  const dim3 grid(args.candidate_count + 1, 1, args.items);
  sum_errors_kernel<<<grid, 32, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace twill::kernels
