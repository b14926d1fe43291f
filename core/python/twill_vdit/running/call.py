# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""One call of a network's self-attention, as every host hands it over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Where a call stands in the network: stack, layer.
Site = tuple[int, int]


@dataclass(frozen=True)
class AttentionCall:
    """q, k and v as a host has them; views, nothing is copied.

    Attributes:
        q: [batch, heads, tokens, head_dim].
        k: as q.
        v: as q.
        masked: it has a mask, which plans cannot have.
        grouped: k and v have fewer heads than q.
        scale: of q k^T; None: 1/sqrt(head_dim).
    """

    q: "torch.Tensor"
    k: "torch.Tensor"
    v: "torch.Tensor"
    masked: bool = False
    grouped: bool = False
    scale: float | None = None

    @property
    def heads(self) -> int:
        """Heads of q."""
        return self.q.shape[1]

    @property
    def tokens(self) -> int:
        """Tokens of q."""
        return self.q.shape[2]

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
