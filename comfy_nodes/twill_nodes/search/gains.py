# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What each head of a block adds to the residual stream, through output projection and gate, over the stream itself."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from ..layouts import Residual


@dataclass(frozen=True)
class Sample:
    """heads: [tokens, heads, head_dim] in fp32, attention's output at `at`, tokens of the grid. row: of the batch.

    prefix: tokens of the attention call in front of the grid; tokens: of the whole call.
    """

    heads: torch.Tensor
    at: torch.Tensor
    row: int
    prefix: int
    tokens: int


def arguments_of(module, args: tuple, kwargs: dict) -> dict:
    """By the names of the module's forward; those that end in ** are among them."""
    bound = inspect.signature(module.forward).bind(*args, **kwargs)
    bound.apply_defaults()
    return {**bound.arguments.get("kwargs", {}), **bound.arguments}


def spread(gate: torch.Tensor, at: torch.Tensor, tokens: int) -> torch.Tensor:
    """gate: [1, dim], [tokens, dim] or [frames, dim] -> its rows for the tokens `at`."""
    if gate.shape[0] == 1:
        return gate
    each = -(-tokens // gate.shape[0])
    return gate.index_select(0, at // each)


def _places(residual: Residual, block, arguments: dict, sample: Sample) -> tuple[torch.Tensor, torch.Tensor]:
    """(stream [tokens, dim], where in it the sampled tokens are); text may stand in the stream or apart from it."""
    stream = residual.stream(block, arguments)[sample.row]
    return stream, sample.at + sample.prefix if stream.shape[0] == sample.tokens else sample.at


def added_by_heads(residual: Residual, block, arguments: dict, sample: Sample) -> Iterator[torch.Tensor]:
    """[tokens, dim] of each head."""
    import comfy.ops

    stream, at = _places(residual, block, arguments, sample)
    heads = sample.heads
    if residual.head_gate is not None:
        heads = heads * residual.head_gate(block, arguments, sample.row, at).float().unsqueeze(-1)
    linear = residual.projection(block)
    weight, bias, offloaded = comfy.ops.cast_bias_weight(linear, heads, offloadable=True)
    try:
        count, head_dim = heads.shape[1:]
        gate = spread(residual.gate(block, arguments)[sample.row].float(), at, stream.shape[0])
        if residual.norm_eps:
            projected = heads.flatten(1) @ weight[:, : count * head_dim].T + (0.0 if bias is None else bias)
            gate = gate * torch.rsqrt(projected.square().mean(-1, keepdim=True) + residual.norm_eps)
        for head in range(count):
            yield (heads[:, head] @ weight[:, head * head_dim : (head + 1) * head_dim].T) * gate
    finally:
        comfy.ops.uncast_bias_weight(linear, weight, bias, offloaded)


def gains(residual: Residual, block, arguments: dict, sample: Sample) -> list[float]:
    stream, at = _places(residual, block, arguments, sample)
    energy = stream.index_select(0, at).float().square().sum().clamp_min(1e-30)
    added = [part.square().sum() for part in added_by_heads(residual, block, arguments, sample)]
    return (torch.stack(added) / energy).tolist()


def estimated_gains(sample: Sample) -> list[float]:
    """Where a block is not known: each head's share of attention's output."""
    energy = sample.heads.square().sum((0, 2))
    return (energy / energy.sum().clamp_min(1e-30)).tolist()
