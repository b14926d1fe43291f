# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What Twill knows of a family of networks in ComfyUI."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkShape:
    """heads of each layer: one (layers, heads) per stack."""

    stacks: tuple[tuple[int, int], ...]
    head_dim: int

    def __str__(self) -> str:
        stacks = " + ".join(f"{layers} layers x {heads} heads" for layers, heads in self.stacks)
        return f"{stacks} x {self.head_dim}"


@dataclass(frozen=True)
class TextTokens:
    """Tokens beside the grid in one attention call."""

    prefix: int = 0
    suffix: int = 0


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
    """name: as users know it. plan_families: beginnings of the names that plans use, letters and digits only.

    classes: of the diffusion model. shape: network -> NetworkShape. stacks: network -> lists of blocks.
    patch: network -> (frames, rows, columns) of latent cells in a token. hooks: blocks must be told by hooks.
    beside: (tokens of a call, tokens of the grid, forward) -> TextTokens, or a reason (text) why the call is dense.
    begin: (network, arguments of the forward) -> what `beside` wants to know later.
    """

    name: str
    plan_families: tuple[str, ...]
    classes: tuple[str, ...]
    shape: Callable[[object], NetworkShape]
    stacks: Callable[[object], Sequence[Sequence[object]]]
    patch: Callable[[object], tuple[int, int, int]]
    beside: Callable[[int, int, object], TextTokens | str]
    hooks: bool = False
    begin: Callable[[object, dict], dict] | None = None
    residuals: tuple[Residual, ...] = ()  # of each stack
    stack_names: tuple[str, ...] = ("blocks",)
    # (network, name of its file) -> names of the models that it may be, likeliest first, as plans have them.
    kinds: Callable[[object, str], tuple[str, ...]] | None = None

    def kinds_of(self, network, file_name: str = "") -> tuple[str, ...]:
        return self.plan_families[:1] if self.kinds is None else self.kinds(network, file_name)

    def rank(self, plan_family: str, network, file_name: str) -> int | None:
        """Place of the plan's model among the kinds; None when the plan is for a relative of equal shape."""
        if self.kinds is None:
            return 0
        found = [plain_name(plan_family).startswith(plain_name(kind)) for kind in self.kinds(network, file_name)]
        return found.index(True) if any(found) else None

    def knows(self, plan_family: str) -> bool:
        return any(plain_name(plan_family).startswith(begin) for begin in self.plan_families)


def plain_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def blocks_shape(network, names: Sequence[str], heads: int, head_dim: int) -> NetworkShape:
    stacks = tuple((len(getattr(network, name)), heads) for name in names if len(getattr(network, name)))
    return NetworkShape(stacks, head_dim)


def grid_only(tokens: int, grid: int, forward) -> TextTokens | str:
    if tokens == grid:
        return TextTokens()
    return f"{tokens} tokens are not the {grid} of the clip (guide or reference tokens)"


def text_first(tokens: int, grid: int, forward) -> TextTokens | str:
    return TextTokens(prefix=tokens - grid)


def text_last(tokens: int, grid: int, forward) -> TextTokens | str:
    return TextTokens(suffix=tokens - grid)


def tokens_of(latent_shape: Sequence[int], patch: tuple[int, int, int]) -> tuple[int, int, int]:
    """latent_shape: [..., frames, rows, columns]; padded up as the networks do."""
    frames, rows, cols = (-(-size // step) for size, step in zip(latent_shape[-3:], patch, strict=True))
    return frames, rows, cols
