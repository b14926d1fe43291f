# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Attention by a plan whose tokens are spread over the ranks of a process group."""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from twill_vdit.attention import sparse_attention
from twill_vdit.compiled_plan import CompiledPlan
from twill_vdit.errors import Error, require
from twill_vdit.parallel.exchange import Exchange, TokenShares
from twill_vdit.parallel.head_plans import PiecePlace, PieceSite, compile_pieces
from twill_vdit.parallel.shares import PIECES, Heads, LayerShares, layer_shares

if TYPE_CHECKING:
    from twill_vdit.layout import TokenLayout
    from twill_vdit.plan import Plan

# (q, k, v, scale) of some heads and all tokens -> their output: what a host computes dense segments by.
Dense = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, float | None], torch.Tensor]
# The shares of a layer by its costs -> others, for comparison.
Reshared = Callable[[LayerShares], LayerShares]


class ParallelPlan:
    """A compiled plan for the ranks of a group: who computes which heads, and this rank's tables.

    Attributes:
        compiled: the whole plan, whose costs decide.
        tokens: how the tokens of a call are spread.
    """

    def __init__(
        self,
        compiled: CompiledPlan,
        group: "dist.ProcessGroup | None" = None,
        tokens: TokenShares | None = None,
        *,
        pieces: int = PIECES,
        reshare: Reshared = lambda shares: shares,
    ) -> None:
        """All ranks of the group make theirs together: it is compared whether they have the same plan.

        Args:
            compiled: the plan at the layout of whole calls.
            group: of the ranks; None: all.
            tokens: how a call's are spread; None: as even as they are.
            pieces: in which a rank's heads travel, 1 to 4.
            reshare: other shares than those by costs.

        Raises:
            Error: the ranks have not the same plan, layout or spread; or the spread is not of this layout.
        """
        self._group, self._ranks, self._rank = group, dist.get_world_size(group), dist.get_rank(group)
        self.compiled = compiled
        self.tokens = tokens or TokenShares.even(compiled.layout, self._ranks)
        spread = len(self.tokens.stretches[0])
        require(spread == self._ranks, f"tokens spread over {spread} ranks, and the group has {self._ranks}")
        require(
            self.tokens.tokens == compiled.layout.tokens,
            f"{self.tokens.tokens} tokens are spread, and a call has {compiled.layout.tokens}",
        )
        self._agree(f"{compiled.plan.text} {compiled.layout.as_tuple()} {self.tokens} {pieces}")
        self._pieces = pieces
        self._reshare = reshare
        self._exchange = Exchange(group, self.tokens)
        self._shares: dict[tuple[int, int, int, int], LayerShares] = {}
        self._places: dict[PieceSite, PiecePlace] | None = None

    def _agree(self, what: str) -> None:
        """Ranks with other plans would wait for each other for ever."""
        number = int.from_bytes(hashlib.sha256(what.encode()).digest()[:7], "big")
        device = "cpu" if dist.get_backend(self._group) == "gloo" else torch.device("cuda", torch.cuda.current_device())
        mine = torch.tensor([number], dtype=torch.long, device=device)
        found = [torch.empty_like(mine) for _ in range(self._ranks)]
        dist.all_gather(found, mine, group=self._group)
        others = [rank for rank, each in enumerate(found) if int(each) != int(found[0])]
        if others:
            raise Error(
                f"ranks 0 and {others[0]} have not the same plan, layout and spread of tokens; give all ranks the same"
            )

    def shares(self, segment: int, *, layer: int, stack: int = 0, expert: int = 0) -> LayerShares:
        """Who computes what of a layer."""
        key = segment, expert, stack, layer
        if key not in self._shares:
            made = layer_shares(
                self.compiled, segment, self._ranks, layer=layer, stack=stack, expert=expert, pieces=self._pieces
            )
            self._shares[key] = self._reshare(made)
        return self._shares[key]

    def places(self) -> dict[PieceSite, PiecePlace]:
        """This rank's heads as plans of their own; made at the first call."""
        if self._places is None:
            model, pieces = self.compiled.plan.model, {}
            for segment in range(len(self.compiled.plan.segments)):
                for expert in range(len(model.experts)):
                    for stack, shape in enumerate(model.stacks):
                        for layer in range(shape.layers):
                            shares = self.shares(segment, layer=layer, stack=stack, expert=expert)
                            for piece, heads in enumerate(shares.ranks[self._rank]):
                                if heads:
                                    pieces[segment, expert, stack, layer, piece] = heads
            self._places = compile_pieces(self.compiled, pieces)
        return self._places

    def attend(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        *,
        layer: int,
        segment: int,
        stack: int = 0,
        expert: int = 0,
        scale: float | None = None,
        dense: Dense | None = None,
    ) -> torch.Tensor:
        """As parallel_attention."""
        require(
            q.shape[2] == self.tokens.of_rank(self._rank),
            f"q: {q.shape[2]} tokens, but rank {self._rank} has {self.tokens.of_rank(self._rank)}",
        )
        count = self.compiled.heads_of_stack(stack)
        require(q.shape[1] == count, f"q: {q.shape[1]} heads, but the plan has {count} in stack {stack}", "model")
        shares = self.shares(segment, layer=layer, stack=stack, expert=expert)
        places = self.places()
        exchange, out = self._exchange, torch.empty_like(q)
        of_pieces: list[list[Heads]] = [[pieces[n] for pieces in shares.ranks] for n in range(self._pieces)]
        of_pieces_numbered = [(n, heads) for n, heads in enumerate(of_pieces) if any(heads)]
        # All pieces set out at once; in the group's order the first arrives while the others travel.
        coming = [exchange.to_heads(q, k, v, heads) for _, heads in of_pieces_numbered]
        means = exchange.sum_of_tokens(v, shares.means) if shares.means else None
        going = []
        for (number, heads), travelling in zip(of_pieces_numbered, coming, strict=True):
            (whole,) = travelling.wait()
            some = whole.permute(2, 1, 3, 0, 4)  # [3, batch, heads, tokens, head_dim]
            if not heads[self._rank]:
                made = some[0]
            elif dense is not None and self.compiled.plan.segments[segment].dense:
                made = dense(some[0], some[1], some[2], scale)
            else:
                at = places[segment, expert, stack, layer, number]
                made = sparse_attention(
                    some[0], some[1], some[2], at.compiled, stack=at.stack, layer=at.layer, segment=0, scale=scale
                )
            going.append((heads, exchange.to_tokens(made, heads)))
        if shares.skips:
            out.index_fill_(1, exchange.index(shares.skips, out.device), 0.0)
        if means is not None:
            total, work = means
            work.wait()
            mean = (total / self.tokens.tokens).to(out.dtype).expand(-1, -1, out.shape[2], -1)
            out.index_copy_(1, exchange.index(shares.means, out.device), mean)
        for heads, travelling in going:
            exchange.put(travelling.wait(), heads, out)
        return out


def parallel_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    plan: ParallelPlan,
    *,
    layer: int,
    t: float | None = None,
    segment: int | None = None,
    stack: int = 0,
    expert: int = 0,
    scale: float | None = None,
    dense: Dense | None = None,
) -> torch.Tensor:
    """sparse_attention of a call whose tokens are spread over the ranks of a group; all of them call it together.

    Heads whose keys the plan keeps travel to the ranks that compute them, and their output travels back; heads whose
    output is a mean or 0 stay. Nothing waits for the device but what NCCL's own streams wait for.

    Args:
        q: [batch, heads, this rank's tokens, head_dim], as sparse_attention has it.
        k: as q.
        v: as q.
        plan: of the group.
        layer: of the stack.
        t: 1 noise, 0 clean, the same on all ranks.
        segment: which table, in place of t.
        stack: of the model.
        expert: of the model.
        scale: 1/sqrt(head_dim) if not given.
        dense: what computes segments that are dense in the plan, of (q, k, v, scale) with all tokens of some heads;
            None: the package's attention.

    Returns:
        [batch, heads, this rank's tokens, head_dim], in q's order of axes in memory.

    Raises:
        Error: neither t nor segment is given, or both; or the tensors are not of the plan's shape.
    """
    if (t is None) == (segment is None):
        raise Error("parallel_attention: give either t or segment")
    if segment is None:
        assert t is not None
        segment = plan.compiled.segment_at(t)
    return plan.attend(q, k, v, layer=layer, segment=segment, stack=stack, expert=expert, scale=scale, dense=dense)


def parallel_plan(
    plan: "Plan",
    layout: "TokenLayout",
    group: "dist.ProcessGroup | None" = None,
    tokens: TokenShares | None = None,
    *,
    pieces: int = PIECES,
) -> ParallelPlan:
    """A plan at a layout for the ranks of a group; all of them make it together.

    Args:
        plan: the same on all ranks.
        layout: of whole calls.
        group: None: all ranks.
        tokens: how a call's tokens are spread; None: as even as they are, in one.
        pieces: in which a rank's heads travel, 1 to 4.

    Raises:
        Error: the ranks have not the same plan, layout or spread.
    """
    return ParallelPlan(CompiledPlan(plan, layout), group, tokens, pieces=pieces)
