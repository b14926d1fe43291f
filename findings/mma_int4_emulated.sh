#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# mma.sync with 4-bit operands: still accepted after Ada, but a subroutine, and a much longer one for s4 than for u4.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages nvidia-cuda-nvrtc==13.4.92 nvidia-cuda-nvdisasm==13.4.92
guess "mma.sync.m16n8k64 on s4 runs at twice the rate of s8 wherever it compiles, and s4 costs what u4 costs"
observe <<'PYTHON'
from finding import verdict
from sass import instructions, mma, starting

found = {}
for architecture in ("sm_80", "sm_89", "sm_90", "sm_120"):
    for kind in ("s4", "u4"):
        listed = instructions(mma("m16n8k64", f"s32.{kind}.{kind}.s32", (4, 4, 2), "r"), architecture)
        found[architecture, kind] = starting(listed, "IMMA"), sum(starting(listed, "LOP3", "SHF", "IMAD").values())
        print(architecture, kind, *found[architecture, kind][0].items(), "integer instructions:", found[architecture, kind][1])
seen = all(found[name, kind][0] == {f"IMMA.16864.{kind.upper()}.{kind.upper()}": 1} for name in ("sm_80", "sm_89") for kind in ("s4", "u4"))
seen &= all(found[name, kind][0] == {f"IMMA.16832.{kind[0].upper()}8.{kind[0].upper()}8": 2} for name in ("sm_90", "sm_120") for kind in ("s4", "u4"))
seen &= found["sm_90", "s4"][1] > 150 and found["sm_90", "u4"][1] < 40
verdict(seen, f"from sm_90 on two 8-bit products and the unpacking: {found['sm_90', 's4'][1]} integer instructions with s4, "
              f"{found['sm_90', 'u4'][1]} with u4 (index arithmetic of the kernel included); one instruction on sm_80 and sm_89")
PYTHON
