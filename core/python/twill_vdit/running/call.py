# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""One call of a network's self-attention, as every host hands it over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch

    from twill_vdit.compiled_plan import CompiledPlan

# Where a call stands in the network: stack, layer.
Site = tuple[int, int]


class Spread(Protocol):
    """How the tokens of a call stand on several devices, of which this process has one.

    Attributes:
        tokens: of the whole call.
    """

    tokens: int

    def attend(
        self, call: "AttentionCall", compiled: "CompiledPlan", segment: int, stack: int, layer: int, expert: int
    ) -> "torch.Tensor":
        """A call by a plan that is compiled for whole calls; all processes make it together. Of this one's tokens."""


@dataclass(frozen=True)
class AttentionCall:
    """q, k and v as a host has them; views, nothing is copied.

    Attributes:
        q: [batch, heads, tokens, head_dim]; of a call that is spread, this process's tokens.
        k: as q.
        v: as q.
        masked: it has a mask, which plans cannot have.
        grouped: k and v have fewer heads than q.
        scale: of q k^T; None: 1/sqrt(head_dim).
        spread: where tokens stand on several devices; None: all are here.
    """

    q: "torch.Tensor"
    k: "torch.Tensor"
    v: "torch.Tensor"
    masked: bool = False
    grouped: bool = False
    scale: float | None = None
    spread: Spread | None = None

    @property
    def heads(self) -> int:
        """Heads of q."""
        return self.q.shape[1]

    @property
    def tokens(self) -> int:
        """Tokens of the whole call."""
        return self.q.shape[2] if self.spread is None else self.spread.tokens

    @property
    def head_dim(self) -> int:
        """Of q's heads."""
        return self.q.shape[3]

    def rows_of(self, branches: Sequence[int]) -> list[tuple[int, slice]]:
        """(branch, its rows of the batch) of each part of the batch.

        Args:
            branches: of the guidance, one for each equal part of the batch: 0 for conditional, 1 for unconditional.
        """
        each = self.q.shape[0] // len(branches)
        return [(branch, slice(number * each, (number + 1) * each)) for number, branch in enumerate(branches)]
