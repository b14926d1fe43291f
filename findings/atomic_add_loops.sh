#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# Float additions to shared memory are loops of compare and swap, and so is a single bf16 to global memory.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages nvidia-cuda-nvrtc==13.4.92 nvidia-cuda-nvdisasm==13.4.92
guess "atomicAdd of float to shared memory is the cheap one, native like that of int; red.add.bf16 is native from sm_90, where it first compiles"
observe <<'PYTHON'
from finding import verdict
from sass import instructions, starting

SHARED = """extern "C" __global__ void kernel(%s* out) {
  __shared__ %s sum[32];
  sum[threadIdx.x %% 32] = 0;
  __syncthreads();
  atomicAdd(&sum[(int)out[threadIdx.x] & 31], out[threadIdx.x]);
  __syncthreads();
  out[threadIdx.x] = sum[threadIdx.x %% 32];
}"""
GLOBAL = """extern "C" __global__ void kernel(%s* out) {
  asm volatile("red.global.add.noftz.%s [%%0], %%1;" :: "l"(out), "%s"(out[threadIdx.x]));
}"""
cases = {
    "int to shared": SHARED % ("int", "int"),
    "float to shared": SHARED % ("float", "float"),
    "bf16x2 to global": GLOBAL % ("unsigned", "bf16x2", "r"),
    "bf16 to global": GLOBAL % ("unsigned short", "bf16", "h"),
}
loops = {}
for architecture in ("sm_90", "sm_120"):
    for name, source in cases.items():
        found = starting(instructions(source, architecture), "ATOM", "RED")
        loops[architecture, name] = any("CAS" in opcode for opcode in found)
        print(architecture, name, found)
verdict(all(loop == (name in ("float to shared", "bf16 to global")) for (_, name), loop in loops.items()),
        "float to shared memory and one bf16 to global memory compile to compare-and-swap loops; int and bf16x2 are one instruction")
PYTHON
