#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
# flex_attention without torch.compile attends densely over a BlockMask that was made from block indices.
source "$(dirname "${BASH_SOURCE[0]}")/lib/findings.sh"
packages torch==2.13.0 numpy==2.4.6
guess "flex_attention(block_mask=BlockMask.from_kv_blocks(...)) computes the listed blocks only, slowly in eager, fast when compiled"
observe <<'PYTHON'
import torch
from finding import verdict
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

torch.manual_seed(0)
blocks, size = 3, 128
q, k, v = (torch.randn(1, 1, blocks * size, 16) for _ in range(3))
# Each block of queries sees the block of keys at its own place, and nothing else.
count = torch.ones(1, 1, blocks, dtype=torch.int32)
index = torch.tensor([[0, 1, 2], [1, 0, 2], [2, 0, 1]], dtype=torch.int32)[None, None]
mask = BlockMask.from_kv_blocks(count, index, BLOCK_SIZE=size)
print(f"the mask says of itself: sparsity {mask.sparsity():.1f} %")
diagonal = torch.block_diag(*[torch.ones(size, size)] * blocks).bool()
sparse = scaled_dot_product_attention(q, k, v, attn_mask=diagonal)
dense = scaled_dot_product_attention(q, k, v)


def distance(output):
    return [(output - reference).abs().max().item() for reference in (sparse, dense)]


eager = distance(flex_attention(q, k, v, block_mask=mask))
print("eager:    largest difference to the block-sparse result %.1e, to dense %.1e" % tuple(eager))
compiled = distance(torch.compile(flex_attention)(q, k, v, block_mask=mask))
print("compiled: largest difference to the block-sparse result %.1e, to dense %.1e" % tuple(compiled))
seen = eager[1] < 1e-5 < 0.1 < eager[0] and compiled[0] < 1e-5 < 0.1 < compiled[1]
verdict(seen, "in eager the block list is not looked at and the result is dense; compiled, the same call is sparse")
PYTHON
