#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# Packed half-precision exp2 and tanh are two scalar instructions and one to join the halves.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages nvidia-cuda-nvrtc==13.4.92 nvidia-cuda-nvdisasm==13.4.92
guess "ex2.approx.f16x2 takes one slot of the special function unit for two exponentials, so a softmax in fp16 has its exponentials at half price"
observe <<'PYTHON'
from finding import verdict
from sass import instructions, starting

SOURCE = """extern "C" __global__ void kernel(unsigned* out) {
  unsigned x = out[threadIdx.x];
  asm volatile("%s %%0, %%0;" : "+r"(x));
  out[threadIdx.x] = x;
}"""
found = {}
for architecture in ("sm_80", "sm_90", "sm_100", "sm_120"):
    for name in ("ex2.approx.f16x2", "tanh.approx.f16x2", "ex2.approx.ftz.bf16x2"):
        if architecture == "sm_80" and "bf16" in name:
            continue  # not before sm_90
        found[architecture, name] = starting(instructions(SOURCE % name, architecture), "MUFU", "PRMT")
        print(architecture, name, found[architecture, name])
seen = all(list(listed.values()) == [2, 1] and list(listed)[1] == "PRMT" for listed in found.values())
verdict(seen, "two MUFU and a PRMT to put the halves together, on sm_80, sm_90, sm_100 and sm_120, with fp16 and bf16")
PYTHON
