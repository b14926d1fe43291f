# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""How much each head of a call matters to the residual stream."""

import torch

from twill_vdit.running import AttentionCall

GAIN_TOKENS = 256  # that a head's share is measured on
SOURCE = "of the attention output alone"


def sampled(tokens: int) -> torch.Tensor:
    """[tokens, 256 at most]: the middles of equal stretches."""
    count = min(GAIN_TOKENS, tokens)
    return (2 * torch.arange(count) + 1) * tokens // (2 * count)


def head_gains(call: AttentionCall, first: int, grid_tokens: int) -> list[float]:
    """Each head's share of the energy of attention's output, over sampled tokens of the clip.

    Args:
        call: of one branch of the guidance.
        first: token of the clip in the call.
        grid_tokens: of the clip.
    """
    at = first + sampled(grid_tokens).to(call.q.device)
    q = call.q[:1].index_select(2, at)
    out = torch.nn.functional.scaled_dot_product_attention(q, call.k[:1], call.v[:1], scale=call.scale)
    energy = out.float().square().sum((0, 2, 3))
    return (energy / energy.sum().clamp_min(1e-30)).tolist()
