# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Which rank computes which heads of a layer: by what they cost in the plan, not by their number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twill_vdit.errors import require
from twill_vdit.tile_lists import dense_tiles

if TYPE_CHECKING:
    from twill_vdit.compiled_plan import CompiledPlan

# Moving q, k, v and the output of a head costs about as much as attending to so many keys: 8 bytes for each number of a
# token, half of them to the other rank, at 200 GB/s, against 4 operations for each number and key at 650 TFLOP/s (two
# H200s on NVLink, bf16). By computation, not measured. It keeps heads of few keys from all going to one rank.
MOVED_KEYS = 3000
PIECES = 4
# What travels before the first piece is computed, and after the last, nothing hides: these are small.
_PIECE_SHARES = (1.0, 3.0, 3.0, 1.0)

Heads = tuple[int, ...]


@dataclass(frozen=True)
class LayerShares:
    """The heads of one layer in one segment.

    Attributes:
        ranks: of each rank its pieces, of each piece its heads, ascending. A rank computes one piece while the next one
            travels.
        means: heads whose output is the mean of v, which every rank computes for its own tokens.
        skips: heads whose output is 0.
        costs: of each head in the unit of one dense head's attention; 0 for means and skips.
    """

    ranks: tuple[tuple[Heads, ...], ...]
    means: Heads
    skips: Heads
    costs: tuple[float, ...]

    def loads(self) -> list[float]:
        """What each rank computes, in the unit of `costs`."""
        return [sum(self.costs[head] for piece in pieces for head in piece) for pieces in self.ranks]

    @property
    def imbalance(self) -> float:
        """The dearest rank over the mean of all, 1 at best."""
        loads = self.loads()
        return max(loads) * len(loads) / sum(loads) if sum(loads) else 1.0


def head_costs(compiled: "CompiledPlan", segment: int, *, layer: int, stack: int = 0, expert: int = 0) -> list[float]:
    """Of each head of a layer: its key tiles over dense's, and what it costs to be moved; 0 where it has no keys."""
    dense = dense_tiles(compiled.layout)
    moved = MOVED_KEYS / compiled.layout.tokens

    def cost(mode: str, index: int) -> float:
        if mode in ("mean", "skip"):
            return 0.0
        tiles = dense if mode == "dense" else compiled.tile_list(index).tiles
        return tiles / dense + moved

    return [cost(*task) for task in compiled.tasks(segment, expert, stack, layer)]


def share_heads(costs: Sequence[float], ranks: int) -> list[list[int]]:
    """Heads of each rank, ascending.

    The dearest goes first, each to the rank that has least; then heads are moved and swapped while it helps. The result
    is the same wherever costs are equal, so ranks need not tell each other.

    Args:
        costs: of each head; those of 0 are nobody's.
        ranks: among which they are shared out.
    """
    require(ranks >= 1, f"heads shared out among {ranks} ranks")
    shares: list[list[int]] = [[] for _ in range(ranks)]
    loads = [0.0] * ranks
    for head in sorted((head for head, cost in enumerate(costs) if cost > 0), key=lambda head: (-costs[head], head)):
        rank = min(range(ranks), key=lambda rank: (loads[rank], len(shares[rank]), rank))
        shares[rank].append(head)
        loads[rank] += costs[head]
    while _improve(shares, loads, costs):
        pass
    return [sorted(share) for share in shares]


def _improve(shares: list[list[int]], loads: list[float], costs: Sequence[float]) -> bool:
    """A head of the dearest rank goes elsewhere or changes places, if both ranks then have less than that one had."""
    worst = max(range(len(loads)), key=lambda rank: (loads[rank], -rank))
    best = loads[worst] * (1.0 - 1e-9), -1, -1, -1
    for rank in range(len(loads)):
        if rank == worst:
            continue
        for head in shares[worst]:
            for other in (-1, *shares[rank]):
                moved = costs[head] - (costs[other] if other >= 0 else 0.0)
                heaviest = max(loads[worst] - moved, loads[rank] + moved)
                if heaviest < best[0]:
                    best = heaviest, rank, head, other
    _, rank, head, other = best
    if rank < 0:
        return False
    shares[worst].remove(head)
    shares[rank].append(head)
    if other >= 0:
        shares[rank].remove(other)
        shares[worst].append(other)
    for changed in (worst, rank):
        loads[changed] = sum(costs[each] for each in sorted(shares[changed]))
    return True


def pieces_of(heads: Sequence[int], costs: Sequence[float], pieces: int) -> tuple[Heads, ...]:
    """A rank's heads in so many pieces, the first and last of which are small; some may be empty.

    Args:
        heads: of the rank.
        costs: of all heads.
        pieces: 1 to 4.
    """
    require(1 <= pieces <= PIECES, f"{pieces} pieces are not 1 to {PIECES}")
    shares = {1: (1.0,), 2: (1.0, 1.0), 3: (1.0, 4.0, 1.0), 4: _PIECE_SHARES}[pieces]
    made: list[list[int]] = [[] for _ in shares]
    loads = [0.0] * pieces
    for head in sorted(heads, key=lambda head: (-costs[head], head)):
        at = min(range(pieces), key=lambda piece: ((loads[piece] + costs[head]) / shares[piece], piece))
        made[at].append(head)
        loads[at] += costs[head]
    return tuple(tuple(sorted(piece)) for piece in made)


def layer_shares(
    compiled: "CompiledPlan",
    segment: int,
    ranks: int,
    *,
    layer: int,
    stack: int = 0,
    expert: int = 0,
    pieces: int = PIECES,
) -> LayerShares:
    """Who computes what of a layer.

    Raises:
        Error: the plan has no such segment, expert, stack or layer.
    """
    modes = [mode for mode, _ in compiled.tasks(segment, expert, stack, layer)]
    costs = head_costs(compiled, segment, layer=layer, stack=stack, expert=expert)
    return LayerShares(
        tuple(pieces_of(share, costs, pieces) for share in share_heads(costs, ranks)),
        tuple(head for head, mode in enumerate(modes) if mode == "mean"),
        tuple(head for head, mode in enumerate(modes) if mode == "skip"),
        tuple(costs),
    )


def equal_shares(shares: LayerShares, ranks: int) -> LayerShares:
    """The same layer with as many heads for each rank, whatever they cost: for comparison."""
    heads = [head for head, cost in enumerate(shares.costs) if cost > 0]
    pieces = len(shares.ranks[0])
    even = [heads[rank * len(heads) // ranks : (rank + 1) * len(heads) // ranks] for rank in range(ranks)]
    made = tuple(pieces_of(share, shares.costs, pieces) for share in even)
    return LayerShares(made, shares.means, shares.skips, shares.costs)
