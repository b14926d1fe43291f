# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""How much each head of a call matters to the residual stream: what it adds to it over the stream itself."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from twill_vdit.diffusers.networks import Network
from twill_vdit.diffusers.residuals import Residual
from twill_vdit.running import AttentionCall

GAIN_TOKENS = 256  # that a head is weighed on
PROJECTED_AT_ONCE = 1 << 26  # numbers; all heads of a wide model at once would be most of a GB
BY_STREAM = "added to the residual stream, through output projection and gate"
BY_OUTPUT = "of the attention output alone"


@dataclass
class Block:
    """A block whose forward is under way.

    Attributes:
        residual: how it adds its attention.
        module: the block.
        attention: its self-attention.
        arguments: of its forward, by name.
        stream: as Residual.norm is given it.
        gate_source: what Residual.gate_from gave; None without.
        head_gates: [batch, tokens, heads] that attention's output is multiplied by; None where there are none.
    """

    residual: Residual
    module: Any
    attention: Any
    arguments: Mapping[str, Any]
    stream: torch.Tensor | None = None
    gate_source: Any = None
    head_gates: torch.Tensor | None = None


class Blocks:
    """Notes what stands in the blocks of a transformer while they run. Use as `with`.

    Attributes:
        inside: the block whose forward goes on.
    """

    def __init__(self, transformer: torch.nn.Module, network: Network) -> None:
        """Nothing is changed before the `with`."""
        self._stacks = network.blocks(transformer)
        self._hooks: list[Any] = []
        self.inside: Block | None = None

    def __enter__(self) -> "Blocks":
        for stack, blocks in self._stacks:
            for block in blocks:
                self._note(stack.residual, block, getattr(block, stack.attention))
        return self

    def __exit__(self, *error: object) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks, self.inside = [], None

    def _note(self, residual: Residual, block: Any, attention: Any) -> None:
        signature = inspect.signature(type(block).forward)

        def enter(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            bound = signature.bind(block, *args, **kwargs)
            bound.apply_defaults()
            self.inside = Block(residual, block, attention, bound.arguments)

        def leave(*_: Any) -> None:
            self.inside = None

        def normalised(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if self.inside is not None and self.inside.stream is None:
                self.inside.stream = args[0] if args else next(iter(kwargs.values()))

        def made(_: Any, args: tuple[Any, ...], output: Any) -> None:
            if self.inside is not None and self.inside.gate_source is None:
                self.inside.gate_source = output

        def head_gates(_: Any, args: tuple[Any, ...], output: torch.Tensor) -> None:
            if self.inside is not None:
                self.inside.head_gates = 2.0 * torch.sigmoid(output)  # as LTX-2's processors do

        self._hooks += [
            block.register_forward_pre_hook(enter, with_kwargs=True),
            block.register_forward_hook(leave, always_call=True),
            getattr(block, residual.norm).register_forward_pre_hook(normalised, with_kwargs=True),
        ]
        if residual.gate_from:
            self._hooks.append(getattr(block, residual.gate_from).register_forward_hook(made))
        if getattr(attention, "to_gate_logits", None) is not None:
            self._hooks.append(attention.to_gate_logits.register_forward_hook(head_gates))


def sampled(tokens: int) -> torch.Tensor:
    """[tokens, 256 at most]: the middles of equal stretches."""
    count = min(GAIN_TOKENS, tokens)
    return (2 * torch.arange(count) + 1) * tokens // (2 * count)


def head_gains(call: AttentionCall, first: int, grid_tokens: int, block: Block | None, row: int) -> list[float]:
    """What each head adds to the stream, over the stream, in energy over sampled tokens of the clip.

    Args:
        call: of one branch of the guidance; its first clip is looked at.
        first: token of the clip in the call.
        grid_tokens: of the clip.
        block: that the call is of; None: each head's share of the attention's output is taken instead.
        row: of the clip in the batch of the forward.
    """
    at = sampled(grid_tokens).to(call.q.device)
    q = call.q[:1].index_select(2, first + at)
    out = torch.nn.functional.scaled_dot_product_attention(q, call.k[:1], call.v[:1], scale=call.scale)
    heads = out[0]  # [heads, tokens, head_dim]
    if block is None:
        energy = heads.float().square().sum((1, 2))
        return (energy / energy.sum().clamp_min(1e-30)).tolist()
    assert block.stream is not None
    stream = block.stream[row].flatten(0, -2).index_select(0, at).float()
    added = [part.float().square().sum((1, 2)) for part in added_by_heads(heads, block, row, at, grid_tokens)]
    return (torch.cat(added) / stream.square().sum().clamp_min(1e-30)).tolist()


def added_by_heads(
    heads: torch.Tensor, block: Block, row: int, at: torch.Tensor, grid_tokens: int
) -> list[torch.Tensor]:
    """[heads of a part, tokens, dim] of each part of the heads.

    Args:
        heads: [heads, tokens, head_dim], attention's output.
        block: that they are of.
        row: of the clip in the batch of the forward.
        at: tokens of the clip.
        grid_tokens: of the clip.
    """
    residual = block.residual
    count, tokens, head_dim = heads.shape
    if block.head_gates is not None:
        heads = heads * block.head_gates[row].index_select(0, at).T.unsqueeze(-1).to(heads.dtype)
    linear = residual.projection(block.module, block.attention)
    gate = _spread(residual.gate(block.module, block.arguments, block.gate_source)[row].float(), at, grid_tokens)
    # The layer itself is asked, so that its weights may be quantised, or have a LoRA beside them.
    zero = heads.new_zeros(1, 1, linear.in_features)
    bias = linear(zero).float()
    eps = residual.norm_eps(block.module)
    if eps:
        together = heads.new_zeros(tokens, linear.in_features)
        together[:, : count * head_dim] = heads.transpose(0, 1).flatten(1)
        gate = gate * torch.rsqrt(linear(together).float().square().mean(-1, keepdim=True) + eps)
    each = max(1, PROJECTED_AT_ONCE // (tokens * linear.in_features))
    parts = []
    for begin in range(0, count, each):
        some = heads[begin : begin + each]
        alone = heads.new_zeros(len(some), tokens, linear.in_features)
        for number, head in enumerate(some):
            place = (begin + number) * head_dim
            alone[number, :, place : place + head_dim] = head
        parts.append((linear(alone).float() - bias) * gate)
    return parts


def _spread(gate: torch.Tensor, at: torch.Tensor, tokens: int) -> torch.Tensor:
    """gate: [1, dim], [tokens, dim] or [frames, dim] -> its rows for the tokens `at`."""
    if len(gate) == 1:
        return gate
    return gate.index_select(0, at // -(-tokens // len(gate)))


def can_ask(network: Network, transformer: torch.nn.Module) -> bool:
    """Whether output projections may be called once more: not where group offloading follows each layer by itself."""
    for stack, blocks in network.blocks(transformer):
        for block in blocks:
            linear = stack.residual.projection(block, getattr(block, stack.attention))
            hooks = getattr(getattr(linear, "_diffusers_hook", None), "hooks", {})
            if any("group_offloading" in name for name in hooks) or not hasattr(linear, "in_features"):
                return False
    return True
