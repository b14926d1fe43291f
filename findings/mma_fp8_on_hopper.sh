#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# mma.sync with fp8 operands: one instruction on Ada and consumer Blackwell, unpacked to fp16 for sm_90 and sm_100.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages nvidia-cuda-nvrtc==13.4.92 nvidia-cuda-nvdisasm==13.4.92
guess "mma.sync.m16n8k32 on e4m3, which compiles for sm_89 and all that follow, is one tensor core instruction and twice as fast as fp16"
observe <<'PYTHON'
from finding import verdict
from sass import instructions, mma, starting

source = mma("m16n8k32", "f32.e4m3.e4m3.f32", (4, 4, 2))
found = {}
for architecture in ("sm_89", "sm_90", "sm_100", "sm_120"):
    found[architecture] = starting(instructions(source, architecture), "QMMA", "HMMA", "F2FP", "FADD")
    print(architecture, found[architecture])
one = {"QMMA.16832.F32.E4M3.E4M3": 1}
many = {"F2FP.F16.E4M3.UNPACK_B": 12, "FADD": 4, "HMMA.16816.F32": 2}
verdict(found == {"sm_89": one, "sm_90": many, "sm_100": many, "sm_120": one},
        "sm_90 and sm_100 have no such instruction: 12 unpackings, two fp16 products and 4 additions stand for it, more than the same product in fp16 takes")
PYTHON
