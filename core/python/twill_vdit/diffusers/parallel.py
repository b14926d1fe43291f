# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Calls under diffusers' context parallelism (Ulysses): each device has a part of the tokens, and all heads of it."""

from typing import Any

import torch

from twill_vdit.compiled_plan import CompiledPlan
from twill_vdit.layout import TokenLayout
from twill_vdit.parallel import ParallelPlan, TokenShares, parallel_attention
from twill_vdit.running import AttentionCall

MOST_KEPT = 8  # plans and layouts


def is_ring(config: Any) -> bool:
    """Whether diffusers passes keys around a ring. config: its ParallelConfig, or None."""
    of_context = getattr(config, "context_parallel_config", None)
    return of_context is not None and of_context.ring_degree > 1


class UlyssesSpread:
    """As running.Spread, of clips that are cut into as many equal stretches as there are devices.

    Attributes:
        tokens: of the whole call.
        tokens_here: of them on this device.
    """

    def __init__(self, group: Any, tokens: int) -> None:
        import torch.distributed as dist

        self._group = group
        self.tokens = tokens
        ranks, rank = dist.get_world_size(group), dist.get_rank(group)
        # As torch.tensor_split, which "ulysses_anything" cuts by; without it the parts are equal.
        self._shares = TokenShares((tuple(tokens // ranks + (at < tokens % ranks) for at in range(ranks)),))
        self.tokens_here = self._shares.of_rank(rank)
        self._plans: dict[tuple[str, TokenLayout], ParallelPlan] = {}

    def attend(
        self, call: AttentionCall, compiled: CompiledPlan, segment: int, stack: int, layer: int, expert: int
    ) -> torch.Tensor:
        """As running.Spread."""
        key = compiled.plan.text, compiled.layout  # which later runs have too
        if key not in self._plans:
            while len(self._plans) >= MOST_KEPT:
                self._plans.pop(next(iter(self._plans)))
            self._plans[key] = ParallelPlan(compiled, self._group, self._shares)
        return parallel_attention(
            call.q,
            call.k,
            call.v,
            self._plans[key],
            layer=layer,
            segment=segment,
            stack=stack,
            expert=expert,
            scale=call.scale,
        )


class Spreads:
    """Of one transformer: each is made once, as it holds what ranks have agreed on."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], UlyssesSpread] = {}

    def of(self, config: Any, tokens: int) -> UlyssesSpread:
        """Of calls with so many tokens in all.

        Args:
            config: diffusers' ParallelConfig.
            tokens: of the clip.
        """
        key = id(config), tokens
        if key not in self._made:
            self._made[key] = UlyssesSpread(config.context_parallel_config._ulysses_mesh.get_group(), tokens)
        return self._made[key]
