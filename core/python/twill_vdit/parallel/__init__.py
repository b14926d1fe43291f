# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Attention by a plan over several GPUs: heads are shared out by what they cost, through uneven all-to-alls.

For programs that spread a call's tokens over the ranks of a process group (Ulysses, sequence parallelism).
"""

from twill_vdit.parallel.attention import ParallelPlan, parallel_attention, parallel_plan
from twill_vdit.parallel.exchange import TokenShares
from twill_vdit.parallel.shares import LayerShares, equal_shares, head_costs, layer_shares, share_heads

__all__ = [
    "LayerShares",
    "ParallelPlan",
    "TokenShares",
    "equal_shares",
    "head_costs",
    "layer_shares",
    "parallel_attention",
    "parallel_plan",
    "share_heads",
]
