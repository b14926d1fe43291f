#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# sm_120 is no small sm_100: what Blackwell does in one instruction is two on the consumer chip, without a word.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages nvidia-cuda-nvrtc==13.4.92 nvidia-cuda-nvdisasm==13.4.92
guess "fma.rn.f32x2 and a maximum of three, both accepted for sm_120 and new with Blackwell, are single instructions on every Blackwell"
observe <<'PYTHON'
from finding import verdict
from sass import instructions, starting

PACKED = """extern "C" __global__ void kernel(unsigned long long* out) {
  unsigned long long x = out[threadIdx.x];
  asm volatile("fma.rn.f32x2 %0, %0, %0, %0;" : "+l"(x));
  out[threadIdx.x] = x;
}"""
MAXIMUM = """extern "C" __global__ void kernel(float* out) {
  out[threadIdx.x] = fmaxf(fmaxf(out[threadIdx.x], out[threadIdx.x + 32]), out[threadIdx.x + 64]);
}"""
found = {}
for architecture in ("sm_100", "sm_120"):
    found[architecture] = {
        **starting(instructions(PACKED, architecture), "FFMA"),
        **starting(instructions(MAXIMUM, architecture), "FMNMX"),
    }
    print(architecture, found[architecture])
verdict(found == {"sm_100": {"FFMA2": 1, "FMNMX3": 1}, "sm_120": {"FFMA": 2, "FMNMX": 2}},
        "sm_100 has FFMA2 and FMNMX3; for sm_120 the same source becomes two FFMA and two FMNMX, so packing saves no instruction there")
PYTHON
