// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// Named wrappers of the PTX that only the Hopper kernel uses; names and meaning follow the PTX ISA.
#pragma once

#include <cuda.h>

#include <cstdint>

#include "../mbarrier.cuh"

namespace twill::kernels::sm90 {

using cuda::barrier_init_fence;
using cuda::shared_address;

// As in mbarrier.cuh, of barriers by pointer.
__device__ __forceinline__ void barrier_init(std::uint64_t* barrier, std::uint32_t count) {
  cuda::barrier_init(shared_address(barrier), count);
}
__device__ __forceinline__ void barrier_arrive(std::uint64_t* barrier) {
  cuda::barrier_arrive(shared_address(barrier));
}
__device__ __forceinline__ void barrier_expect_bytes(std::uint64_t* barrier, std::uint32_t bytes) {
  cuda::barrier_expect_bytes(shared_address(barrier), bytes);
}
__device__ __forceinline__ void barrier_wait(std::uint64_t* barrier, std::uint32_t parity) {
  cuda::barrier_wait(shared_address(barrier), parity);
}

// A value that all lanes of the warp hold alike, for the compiler to know it.
__device__ __forceinline__ std::uint32_t uniform(std::uint32_t value) {
  return __shfl_sync(0xffffffffu, value, 0);
}

// One box of a 4-D tensor map at (channel, token, head, batch) to shared memory.
__device__ __forceinline__ void load_box(const CUtensorMap& map, std::uint64_t* barrier, void* to,
                                         std::int32_t channel, std::int32_t token,
                                         std::int32_t head, std::int32_t batch) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
      " [%0], [%1, {%3, %4, %5, %6}], [%2];" ::"r"(shared_address(to)),
      "l"(&map), "r"(shared_address(barrier)), "r"(channel), "r"(token), "r"(head), "r"(batch)
      : "memory");
}
template <int kRegisters>
__device__ __forceinline__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
template <int kRegisters>
__device__ __forceinline__ void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

}  // namespace twill::kernels::sm90
