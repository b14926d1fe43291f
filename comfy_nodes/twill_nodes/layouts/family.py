# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What Twill knows of a family of networks in ComfyUI, beside the facts that every host shares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twill_vdit import families
from twill_vdit.families import NetworkShape, Side, Traits


@dataclass(frozen=True)
class Residual:
    """How a block adds its self-attention to the stream: stream + gate * projection(heads), for measuring heads.

    Functions of (block, arguments by name): stream -> [batch, tokens, dim]; gate -> [batch, 1 or frames or tokens,
    dim]; projection: block -> its Linear, whose first columns take the heads. head_gate: with (row of the batch,
    tokens of the stream) too -> [tokens, heads]. norm_eps: the projected sum is divided by its RMS first.
    """

    projection: Callable[[object], object]
    stream: Callable[[object, dict], object]
    gate: Callable[[object, dict], object]
    head_gate: Callable[[object, dict, int, object], object] | None = None
    norm_eps: float = 0.0


@dataclass(frozen=True)
class Family:
    """classes: of the diffusion model. shape: network -> NetworkShape. stacks: network -> lists of blocks.

    patch: network -> (frames, rows, columns) of latent cells in a token. hooks: blocks must be told by hooks.
    never: classes that are derived from these and never ask for patches of attention.
    begin: (network, arguments of a forward) -> (where its tokens beside the clip stand, frames joined to the clip).
    """

    facts: families.Family
    classes: tuple[str, ...]
    shape: Callable[[object], NetworkShape]
    stacks: Callable[[object], Sequence[Sequence[object]]]
    patch: Callable[[object], tuple[int, int, int]]
    hooks: bool = False
    never: frozenset[str] = frozenset()
    begin: Callable[[object, dict], tuple[Side, int]] | None = None
    residuals: tuple[Residual, ...] = ()  # of each stack
    traits: Callable[[object], Traits] = lambda network: Traits()

    @property
    def name(self) -> str:
        return self.facts.name

    def begun(self, network, arguments: dict) -> tuple[Side, int]:
        return (self.facts.side, 0) if self.begin is None else self.begin(network, arguments)

    def kinds_of(self, network, file_name: str = "") -> tuple[str, ...]:
        """Names of the models that it may be, likeliest first, as plans have them."""
        return self.facts.models(self.traits(network), file_name)

    def rank(self, plan_family: str, network, file_name: str) -> int | None:
        """Place of the plan's model among the kinds; None when the plan is for a relative of equal shape."""
        return self.facts.rank(plan_family, self.traits(network), file_name)


def blocks_shape(network, names: Sequence[str], heads: int, head_dim: int) -> NetworkShape:
    stacks = tuple((len(getattr(network, name)), heads) for name in names if len(getattr(network, name)))
    return NetworkShape(stacks, head_dim)
