#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# BlockMask.sparsity() compares whole blocks with true cells: below zero for lengths that are no multiple of the block.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 numpy==2.4.6
guess "sparsity() of a mask is between 0 and 100: 0 where everything is computed, and causal is near 50"
observe <<'PYTHON'
import torch
from finding import verdict
from torch.nn.attention.flex_attention import create_block_mask

figures = {}
for length in (300, 1560, 3600, 3712):
    for name, rule in (("everything", lambda b, h, i, j: i >= 0), ("causal", lambda b, h, i, j: i >= j)):
        mask = create_block_mask(rule, 1, 1, length, length, device="cpu")
        blocks = -(-length // 128)
        kept = int(mask.kv_num_blocks.sum() + mask.full_kv_num_blocks.sum())
        figures[length, name] = mask.sparsity()
        print(f"{length:5} tokens, {name:10}: {kept} of {blocks**2} blocks, sparsity() {mask.sparsity():7.2f} %")
print("whole blocks at the edge are also partial ones: a rule that keeps everything still runs its mask there")
seen = figures[300, "everything"] < -60 and figures[300, "causal"] < 0 and figures[3712, "everything"] == 0
verdict(seen, f"300 tokens, everything kept: {figures[300, 'everything']:.1f} %; causal: {figures[300, 'causal']:.1f} %; "
              f"one latent frame of Wan at 480p (1560): {figures[1560, 'everything']:.1f} %")
PYTHON
