// SPDX-FileCopyrightText: 2026 The Twill authors
// SPDX-License-Identifier: Apache-2.0

// wgmma.mma_async of m64 n<kN> k16 with fp32 accumulators, for bf16 and fp16.
//
// Accumulators of a warp group's 64 x kN tile: thread t holds rows 16 * (t / 32) + t % 32 / 4 and
// that + 8; d[4 * i + {0, 1}] are columns 8 * i + 2 * (t % 4) + {0, 1} of the first row and
// d[4 * i + {2, 3}] those of the second. Four registers of packed pairs in the same order are an A
// operand of 16 columns.
#pragma once

#include <cstdint>

#include "../elements.cuh"

namespace twill::kernels::sm90 {

// Shared-memory operand in the 128-byte swizzle; offsets in bytes: the low word of its descriptor,
// of which the high one is always 0x40000040 (that swizzle, and 1,024 bytes from one group of eight
// rows to the next). `atom_stride` counts only for an operand whose rows lie along k (values): the
// distance of its blocks of 64 columns.
__device__ __forceinline__ std::uint32_t operand(std::uint32_t address, std::uint32_t atom_stride) {
  return (atom_stride >> 4) << 16 | (address & 0x3ffff) >> 4;
}

__device__ __forceinline__ void wgmma_begin() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
// Until at most kPending groups are under way.
template <int kPending>
__device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}
// Keeps the compiler from moving uses of accumulators over this point.
template <int kCount>
__device__ __forceinline__ void hold(float (&d)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    asm volatile("" : "+f"(d[i])::"memory");
  }
}
template <int kCount>
__device__ __forceinline__ void hold(std::uint32_t (&a)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    asm volatile("" : "+r"(a[i])::"memory");
  }
}

#define TWILL_IN_OUT_8(d, i)                                                            \
  "+f"(d[(i)]), "+f"(d[(i) + 1]), "+f"(d[(i) + 2]), "+f"(d[(i) + 3]), "+f"(d[(i) + 4]), \
      "+f"(d[(i) + 5]), "+f"(d[(i) + 6]), "+f"(d[(i) + 7])

// a [64 x 16] in registers, b in shared memory.
// score: d = a b^T (+ d if `add`), b [kN x 16]. value: d += a b, b [16 x kN].
template <typename Element, int kN>
struct Wgmma;

#define TWILL_WGMMA(Element, type)                                                               \
  template <>                                                                                    \
  struct Wgmma<Element, 64> {                                                                    \
    static __device__ __forceinline__ void score(float (&d)[32], const std::uint32_t* a,         \
                                                 std::uint32_t b, std::int32_t add) {            \
      asm volatile(                                                                              \
          "{\n.reg .pred p;\n.reg .b64 desc;\nmov.b64 desc, {%36, 0x40000040};\nsetp.ne.b32 p, " \
          "%37, 0;\n"                                                                            \
          "wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type                            \
          " {"                                                                                   \
          "%0, %1, %2, %3, %4, %5, %6, %7, "                                                     \
          "%8, %9, %10, %11, %12, %13, %14, %15, "                                               \
          "%16, %17, %18, %19, %20, %21, %22, %23, "                                             \
          "%24, %25, %26, %27, %28, %29, %30, %31"                                               \
          "}, {%32, %33, %34, %35}, desc, p, 1, 1, 0;\n}\n"                                      \
          : TWILL_IN_OUT_8(d, 0), TWILL_IN_OUT_8(d, 8), TWILL_IN_OUT_8(d, 16),                   \
            TWILL_IN_OUT_8(d, 24)                                                                \
          : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b), "r"(add));                       \
    }                                                                                            \
    static __device__ __forceinline__ void value(float (&d)[32], const std::uint32_t* a,         \
                                                 std::uint32_t b) {                              \
      asm volatile(                                                                              \
          "{\n.reg .b64 desc;\nmov.b64 desc, {%36, "                                             \
          "0x40000040};\nwgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type              \
          " {"                                                                                   \
          "%0, %1, %2, %3, %4, %5, %6, %7, "                                                     \
          "%8, %9, %10, %11, %12, %13, %14, %15, "                                               \
          "%16, %17, %18, %19, %20, %21, %22, %23, "                                             \
          "%24, %25, %26, %27, %28, %29, %30, %31"                                               \
          "}, {%32, %33, %34, %35}, desc, 1, 1, 1, 1;\n}\n"                                      \
          : TWILL_IN_OUT_8(d, 0), TWILL_IN_OUT_8(d, 8), TWILL_IN_OUT_8(d, 16),                   \
            TWILL_IN_OUT_8(d, 24)                                                                \
          : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b));                                 \
    }                                                                                            \
  };
TWILL_WGMMA(cuda::Bf16, "bf16")
TWILL_WGMMA(cuda::F16, "f16")
#undef TWILL_WGMMA

#define TWILL_WGMMA(Element, type)                                                               \
  template <>                                                                                    \
  struct Wgmma<Element, 128> {                                                                   \
    static __device__ __forceinline__ void score(float (&d)[64], const std::uint32_t* a,         \
                                                 std::uint32_t b, std::int32_t add) {            \
      asm volatile(                                                                              \
          "{\n.reg .pred p;\n.reg .b64 desc;\nmov.b64 desc, {%68, 0x40000040};\nsetp.ne.b32 p, " \
          "%69, 0;\n"                                                                            \
          "wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type                           \
          " {"                                                                                   \
          "%0, %1, %2, %3, %4, %5, %6, %7, "                                                     \
          "%8, %9, %10, %11, %12, %13, %14, %15, "                                               \
          "%16, %17, %18, %19, %20, %21, %22, %23, "                                             \
          "%24, %25, %26, %27, %28, %29, %30, %31, "                                             \
          "%32, %33, %34, %35, %36, %37, %38, %39, "                                             \
          "%40, %41, %42, %43, %44, %45, %46, %47, "                                             \
          "%48, %49, %50, %51, %52, %53, %54, %55, "                                             \
          "%56, %57, %58, %59, %60, %61, %62, %63"                                               \
          "}, {%64, %65, %66, %67}, desc, p, 1, 1, 0;\n}\n"                                      \
          : TWILL_IN_OUT_8(d, 0), TWILL_IN_OUT_8(d, 8), TWILL_IN_OUT_8(d, 16),                   \
            TWILL_IN_OUT_8(d, 24), TWILL_IN_OUT_8(d, 32), TWILL_IN_OUT_8(d, 40),                 \
            TWILL_IN_OUT_8(d, 48), TWILL_IN_OUT_8(d, 56)                                         \
          : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b), "r"(add));                       \
    }                                                                                            \
    static __device__ __forceinline__ void value(float (&d)[64], const std::uint32_t* a,         \
                                                 std::uint32_t b) {                              \
      asm volatile(                                                                              \
          "{\n.reg .b64 desc;\nmov.b64 desc, {%68, "                                             \
          "0x40000040};\nwgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type             \
          " {"                                                                                   \
          "%0, %1, %2, %3, %4, %5, %6, %7, "                                                     \
          "%8, %9, %10, %11, %12, %13, %14, %15, "                                               \
          "%16, %17, %18, %19, %20, %21, %22, %23, "                                             \
          "%24, %25, %26, %27, %28, %29, %30, %31, "                                             \
          "%32, %33, %34, %35, %36, %37, %38, %39, "                                             \
          "%40, %41, %42, %43, %44, %45, %46, %47, "                                             \
          "%48, %49, %50, %51, %52, %53, %54, %55, "                                             \
          "%56, %57, %58, %59, %60, %61, %62, %63"                                               \
          "}, {%64, %65, %66, %67}, desc, 1, 1, 1, 1;\n}\n"                                      \
          : TWILL_IN_OUT_8(d, 0), TWILL_IN_OUT_8(d, 8), TWILL_IN_OUT_8(d, 16),                   \
            TWILL_IN_OUT_8(d, 24), TWILL_IN_OUT_8(d, 32), TWILL_IN_OUT_8(d, 40),                 \
            TWILL_IN_OUT_8(d, 48), TWILL_IN_OUT_8(d, 56)                                         \
          : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b));                                 \
    }                                                                                            \
  };
TWILL_WGMMA(cuda::Bf16, "bf16")
TWILL_WGMMA(cuda::F16, "f16")
#undef TWILL_WGMMA

#define TWILL_WGMMA(Element, type)                                                                \
  template <>                                                                                     \
  struct Wgmma<Element, 192> {                                                                    \
    static __device__ __forceinline__ void score(float (&d)[96], const std::uint32_t* a,          \
                                                 std::uint32_t b, std::int32_t add) {             \
      asm volatile(                                                                               \
          "{\n.reg .pred p;\n.reg .b64 desc;\nmov.b64 desc, {%100, 0x40000040};\nsetp.ne.b32 p, " \
          "%101, 0;\n"                                                                            \
          "wgmma.mma_async.sync.aligned.m64n192k16.f32." type "." type                            \
          " {"                                                                                    \
          "%0, %1, %2, %3, %4, %5, %6, %7, "                                                      \
          "%8, %9, %10, %11, %12, %13, %14, %15, "                                                \
          "%16, %17, %18, %19, %20, %21, %22, %23, "                                              \
          "%24, %25, %26, %27, %28, %29, %30, %31, "                                              \
          "%32, %33, %34, %35, %36, %37, %38, %39, "                                              \
          "%40, %41, %42, %43, %44, %45, %46, %47, "                                              \
          "%48, %49, %50, %51, %52, %53, %54, %55, "                                              \
          "%56, %57, %58, %59, %60, %61, %62, %63, "                                              \
          "%64, %65, %66, %67, %68, %69, %70, %71, "                                              \
          "%72, %73, %74, %75, %76, %77, %78, %79, "                                              \
          "%80, %81, %82, %83, %84, %85, %86, %87, "                                              \
          "%88, %89, %90, %91, %92, %93, %94, %95"                                                \
          "}, {%96, %97, %98, %99}, desc, p, 1, 1, 0;\n}\n"                                       \
          : TWILL_IN_OUT_8(d, 0), TWILL_IN_OUT_8(d, 8), TWILL_IN_OUT_8(d, 16),                    \
            TWILL_IN_OUT_8(d, 24), TWILL_IN_OUT_8(d, 32), TWILL_IN_OUT_8(d, 40),                  \
            TWILL_IN_OUT_8(d, 48), TWILL_IN_OUT_8(d, 56), TWILL_IN_OUT_8(d, 64),                  \
            TWILL_IN_OUT_8(d, 72), TWILL_IN_OUT_8(d, 80), TWILL_IN_OUT_8(d, 88)                   \
          : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b), "r"(add));                        \
    }                                                                                             \
    static __device__ __forceinline__ void value(float (&d)[96], const std::uint32_t* a,          \
                                                 std::uint32_t b) {                               \
      asm volatile(                                                                               \
          "{\n.reg .b64 desc;\nmov.b64 desc, {%100, "                                             \
          "0x40000040};\nwgmma.mma_async.sync.aligned.m64n192k16.f32." type "." type              \
          " {"                                                                                    \
          "%0, %1, %2, %3, %4, %5, %6, %7, "                                                      \
          "%8, %9, %10, %11, %12, %13, %14, %15, "                                                \
          "%16, %17, %18, %19, %20, %21, %22, %23, "                                              \
          "%24, %25, %26, %27, %28, %29, %30, %31, "                                              \
          "%32, %33, %34, %35, %36, %37, %38, %39, "                                              \
          "%40, %41, %42, %43, %44, %45, %46, %47, "                                              \
          "%48, %49, %50, %51, %52, %53, %54, %55, "                                              \
          "%56, %57, %58, %59, %60, %61, %62, %63, "                                              \
          "%64, %65, %66, %67, %68, %69, %70, %71, "                                              \
          "%72, %73, %74, %75, %76, %77, %78, %79, "                                              \
          "%80, %81, %82, %83, %84, %85, %86, %87, "                                              \
          "%88, %89, %90, %91, %92, %93, %94, %95"                                                \
          "}, {%96, %97, %98, %99}, desc, 1, 1, 1, 1;\n}\n"                                       \
          : TWILL_IN_OUT_8(d, 0), TWILL_IN_OUT_8(d, 8), TWILL_IN_OUT_8(d, 16),                    \
            TWILL_IN_OUT_8(d, 24), TWILL_IN_OUT_8(d, 32), TWILL_IN_OUT_8(d, 40),                  \
            TWILL_IN_OUT_8(d, 48), TWILL_IN_OUT_8(d, 56), TWILL_IN_OUT_8(d, 64),                  \
            TWILL_IN_OUT_8(d, 72), TWILL_IN_OUT_8(d, 80), TWILL_IN_OUT_8(d, 88)                   \
          : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b));                                  \
    }                                                                                             \
  };
TWILL_WGMMA(cuda::Bf16, "bf16")
TWILL_WGMMA(cuda::F16, "f16")
#undef TWILL_WGMMA

#undef TWILL_IN_OUT_8

}  // namespace twill::kernels::sm90
