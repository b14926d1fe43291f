# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Tokens that are spread over ranks against heads that are, and back: uneven all-to-alls of a process group.

What travels has tokens outside, [tokens, batch, 3, heads, head_dim], so what the ranks send one after the other is the
whole sequence, and q, k and v are views of it: nothing is copied after it has come.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist

from twill_vdit.errors import require
from twill_vdit.parallel.shares import Heads

if TYPE_CHECKING:
    from twill_vdit.layout import TokenLayout


@dataclass(frozen=True)
class TokenShares:
    """How the tokens of a call are spread over the ranks.

    A call's tokens are one stretch, or several of which every rank has a part: HunyuanVideo's clip and the text behind
    it. Ranks hold the stretches in the order of the call, each its part of each.

    Attributes:
        stretches: of each stretch, the tokens of each rank.
    """

    stretches: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        ranks = {len(stretch) for stretch in self.stretches}
        require(len(ranks) == 1, f"stretches of tokens over {sorted(ranks)} ranks")
        few = [tokens for stretch in self.stretches for tokens in stretch if tokens < 0]
        require(not few, f"a rank with {few[:1]} tokens")

    @classmethod
    def even(cls, layout: "TokenLayout", ranks: int, *, apart: bool = False) -> "TokenShares":
        """As even as whole tokens are, the first ranks with one more, as torch.tensor_split does.

        Args:
            layout: of the calls.
            ranks: of the group.
            apart: clip and text are spread each by itself; else the tokens of a call in one.
        """
        clip = layout.frames * layout.rows * layout.cols
        stretches = [tokens for tokens in (layout.prefix, clip, layout.suffix) if tokens] if apart else [layout.tokens]
        return cls(
            tuple(tuple(tokens // ranks + (rank < tokens % ranks) for rank in range(ranks)) for tokens in stretches)
        )

    @property
    def tokens(self) -> int:
        """Of the whole call."""
        return sum(map(sum, self.stretches))

    def of_rank(self, rank: int) -> int:
        """Tokens that a rank has."""
        return sum(stretch[rank] for stretch in self.stretches)


@dataclass
class Travelling:
    """Tensors on their way.

    Attributes:
        received: where they come.
        works: of the collectives.
        kept: what is sent, which must live as long.
    """

    received: list[torch.Tensor]
    works: list[Any]
    kept: list[torch.Tensor]

    def wait(self) -> list[torch.Tensor]:
        """What came; on a GPU its stream waits, not the host."""
        for work in self.works:
            work.wait()
        self.kept = []
        return self.received


class Exchange:
    """Of the calls of one group and one spread of tokens."""

    def __init__(self, group: "dist.ProcessGroup | None", tokens: TokenShares) -> None:
        self._group = group
        self._tokens = tokens
        self._rank, self._ranks = dist.get_rank(group), dist.get_world_size(group)
        self._indices: dict[tuple[Heads, torch.device], torch.Tensor] = {}

    def index(self, heads: Heads, device: torch.device) -> torch.Tensor:
        """Numbers of heads on a device."""
        key = heads, device
        if key not in self._indices:
            self._indices[key] = torch.tensor(heads, dtype=torch.long, device=device)
        return self._indices[key]

    def to_heads(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, heads: Sequence[Heads]) -> Travelling:
        """q, k and v of some heads, whole, on the ranks that compute them.

        Args:
            q: [batch, heads, this rank's tokens, head_dim].
            k: as q.
            v: as q.
            heads: that each rank computes.

        Returns:
            One tensor [tokens of the call, batch, 3, this rank's heads, head_dim].
        """
        batch, _, _, head_dim = q.shape
        mine = len(heads[self._rank])
        whole = q.new_empty(self._tokens.tokens, batch, 3, mine, head_dim)
        of_token = batch * 3 * head_dim
        sources = [x.permute(2, 0, 1, 3) for x in (q, k, v)]
        works, kept, begin, place = [], [], 0, 0
        for stretch in self._tokens.stretches:
            here = stretch[self._rank]
            sent = q.new_empty(here * of_token * sum(map(len, heads)))
            counts = [here * of_token * len(each) for each in heads]
            for part, each in zip(sent.split(counts), heads, strict=True):
                if part.numel():
                    to = part.view(here, batch, 3, len(each), head_dim)
                    index = self.index(each, q.device)
                    for number, source in enumerate(sources):
                        to[:, :, number].copy_(source[begin : begin + here].index_select(2, index))
            received = whole[place : place + sum(stretch)].view(-1)
            works.append(self._all_to_all(received, sent, [tokens * of_token * mine for tokens in stretch], counts))
            kept.append(sent)
            begin, place = begin + here, place + sum(stretch)
        return Travelling([whole], works, kept)

    def to_tokens(self, out: torch.Tensor, heads: Sequence[Heads]) -> Travelling:
        """The output of some heads on the ranks that have the tokens.

        Args:
            out: [batch, this rank's heads, tokens of the call, head_dim].
            heads: that each rank has computed.

        Returns:
            For each stretch a flat tensor of what the ranks sent, one after the other: [this rank's tokens of the
            stretch, batch, the sender's heads, head_dim].
        """
        batch, mine, _, head_dim = out.shape
        whole = out.permute(2, 0, 1, 3).contiguous()
        works, received, place = [], [], 0
        for stretch in self._tokens.stretches:
            here = stretch[self._rank]
            counts = [here * batch * len(each) * head_dim for each in heads]
            came = out.new_empty(sum(counts))
            sent = whole[place : place + sum(stretch)].view(-1)
            works.append(self._all_to_all(came, sent, counts, [tokens * batch * mine * head_dim for tokens in stretch]))
            received.append(came)
            place += sum(stretch)
        return Travelling(received, works, [whole])

    def put(self, came: Sequence[torch.Tensor], heads: Sequence[Heads], out: torch.Tensor) -> None:
        """What to_tokens brought, into [batch, heads, this rank's tokens, head_dim]."""
        batch, _, _, head_dim = out.shape
        into, begin = out.permute(2, 0, 1, 3), 0
        for stretch, flat in zip(self._tokens.stretches, came, strict=True):
            here = stretch[self._rank]
            parts = flat.split([here * batch * len(each) * head_dim for each in heads])
            for part, each in zip(parts, heads, strict=True):
                if part.numel():
                    some = part.view(here, batch, len(each), head_dim)
                    into[begin : begin + here].index_copy_(2, self.index(each, out.device), some)
            begin += here

    def sum_of_tokens(self, v: torch.Tensor, heads: Heads) -> tuple[torch.Tensor, Any]:
        """([batch, heads, 1, head_dim] in fp32, the sum over all ranks' tokens once the work is done, the work)."""
        total = v.index_select(1, self.index(heads, v.device)).sum(dim=2, keepdim=True, dtype=torch.float32)
        return total, dist.all_reduce(total, group=self._group, async_op=True)

    def _all_to_all(
        self, received: torch.Tensor, sent: torch.Tensor, received_counts: list[int], sent_counts: list[int]
    ) -> Any:
        return dist.all_to_all_single(received, sent, received_counts, sent_counts, group=self._group, async_op=True)
