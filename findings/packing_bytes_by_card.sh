#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# Rounding floats to saturated bytes four to a word: how many instructions that is depends on how it is written and for which card.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages nvidia-cuda-nvrtc==13.4.92 nvidia-cuda-nvdisasm==13.4.92
guess "cvt.rni.sat.u8.f32 of each number and a byte permutation to join them is the shortest way to four bytes of a word"
observe <<'PYTHON'
from finding import verdict
from sass import instructions, starting

HEAD = """extern "C" __global__ void kernel(const float* in, unsigned* out) {
  float a = in[0], b = in[1], c = in[2], d = in[3];
  unsigned word, low;
"""
EACH = """  unsigned p, q, r, s;
  asm("cvt.rni.sat.u8.f32 %0, %1;" : "=r"(p) : "f"(a));
  asm("cvt.rni.sat.u8.f32 %0, %1;" : "=r"(q) : "f"(b));
  asm("cvt.rni.sat.u8.f32 %0, %1;" : "=r"(r) : "f"(c));
  asm("cvt.rni.sat.u8.f32 %0, %1;" : "=r"(s) : "f"(d));
  low = __byte_perm(p, q, 0x0040);
  word = __byte_perm(low, __byte_perm(r, s, 0x0040), 0x5410);
"""
PAIRS = """  asm("cvt.pack.sat.u8.s32.b32 %0, %1, %2, 0;" : "=r"(low) : "r"(__float2int_rn(d)), "r"(__float2int_rn(c)));
  asm("cvt.pack.sat.u8.s32.b32 %0, %1, %2, %3;" : "=r"(word) : "r"(__float2int_rn(b)), "r"(__float2int_rn(a)), "r"(low));
"""
TAIL = "  out[0] = word;\n}\n"
found = {}
for architecture in ("sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"):
    for name, body in (("each", EACH), ("pairs", PAIRS)):
        listed = starting(instructions(HEAD + body + TAIL, architecture), "F2I", "I2I", "PRMT")
        found[architecture, name] = sum(listed.values())
        print(architecture, name, listed)
newer = [architecture for architecture, _ in found if architecture != "sm_80"]
verdict(all(found[architecture, "pairs"] == 2 and found[architecture, "each"] > 4 for architecture in newer)
        and found["sm_80", "pairs"] > 2,
        "cvt.pack of two rounded integers fuses into one F2IP a pair from sm_86 on (2 for a word, where the plain way takes 7); sm_80 has no such instruction")
PYTHON
