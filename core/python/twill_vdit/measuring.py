# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Head errors and attention maps of a call on the device of its tensors, in plain torch.

The definitions are those of kernels/profiling.h. For each sampled query row and each key tile: the greatest score, the
sum of weights and the weighted sum of values, once for every token order. A candidate's output is the sum over the
tiles that it keeps; what a tile adds is scaled by its own maximum, so that tiles far below the row's greatest score
keep their precision.
"""

import contextlib
import functools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from twill_vdit.tile_lists import KEY_TILE, QUERY_TILE, ListArrays, tile_count

MOST_BYTES = 1 << 29  # of what is held at once; heads are measured in groups
MAP_QUERIES = 64  # of a map at once


@functools.cache
def _settle_exp() -> None:
    """Has MKL choose its code for exp() by one thread.

    It chooses at the first call, without a lock: where the threads of one operation make that call together, one of
    them may compute its part less accurately (oneMKL 2024.2, which torch 2.13 contains; pytorch/pytorch#188792).
    """
    torch.ones(1).exp()


@contextlib.contextmanager
def _exactly(device: torch.device) -> Iterator[None]:
    """fp32 products as they are, whatever the host has set."""
    _settle_exp()
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


class _OneOrder:
    """Candidates whose lists have one token order. kept: bool [rows, candidates, key tiles]."""

    def __init__(self, order: np.ndarray | None, members: list[int], kept: np.ndarray, device: torch.device) -> None:
        self.order = None if order is None else torch.tensor(order.astype(np.int64), device=device)
        self.members = members
        self.kept = torch.tensor(kept, device=device)


def _kept_tiles(tile_list: ListArrays, rows: np.ndarray, tiles: int) -> np.ndarray:
    """bool [rows, tiles]: the key tiles of each row's query tile."""
    runs, run_begin, order = tile_list
    at = rows
    if order is not None:
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        at = place[rows]
    kept = np.zeros((len(rows), tiles), dtype=bool)
    for row, query_tile in enumerate(at // QUERY_TILE):
        for first, count in runs[run_begin[query_tile] : run_begin[query_tile + 1]]:
            kept[row, first : first + count] = True
    return kept


class Measuring:
    """Candidates, ready for one set of sampled rows on one device.

    tasks: (mode, list) of each candidate. lists: (runs, run_begin, position_to_token or None). rows: tokens.
    """

    def __init__(
        self,
        tasks: list[tuple[str, int]],
        lists: Sequence[ListArrays],
        rows: list[int],
        tokens: int,
        device: torch.device,
    ) -> None:
        self.tasks = tasks
        self.tokens = tokens
        self.rows = torch.tensor(rows, dtype=torch.int64, device=device)
        self._tiles = tile_count(tokens, KEY_TILE)
        at = np.array(rows, dtype=np.int64)
        orders: dict[bytes, tuple[np.ndarray | None, list[int], list[np.ndarray]]] = {}
        for candidate, (mode, index) in enumerate(tasks):
            if mode == "sparse":
                order = lists[index][2]
                key = b"" if order is None else np.asarray(order).tobytes()
                members, kept = orders.setdefault(key, (order, [], []))[1:]
                members.append(candidate)
                kept.append(_kept_tiles(lists[index], at, self._tiles))
        # Raster, if it is there, comes first: its sums are there when the dense rows are.
        self._orders = [
            _OneOrder(order, members, np.stack(kept, axis=1), device)
            for _, (order, members, kept) in sorted(orders.items(), key=lambda each: each[0])
        ]
        self._modes = {mode: [i for i, (m, _) in enumerate(tasks) if m == mode] for mode in ("mean", "skip")}

    def errors(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(error [heads, candidates], norm [heads]) in fp32 on the tensors' device, summed over rows and batch.

        q, k, v: [batch, heads, tokens, head_dim].
        """
        heads, head_dim = q.shape[1], q.shape[3]
        error = q.new_zeros(heads, len(self.tasks), dtype=torch.float32)
        norm = q.new_zeros(heads, dtype=torch.float32)
        at_once = self._heads_at_once(head_dim)
        with _exactly(q.device):
            for batch in range(q.shape[0]):
                for first in range(0, heads, at_once):
                    some = slice(first, first + at_once)
                    sampled = q[batch, some].index_select(1, self.rows).float() * scale
                    added = self._errors(sampled, k[batch, some].float(), v[batch, some].float())
                    error[some] += added[0]
                    norm[some] += added[1]
        return error, norm

    def _heads_at_once(self, head_dim: int) -> int:
        rows, candidates = len(self.rows), max([len(each.members) for each in self._orders], default=1)
        # Scores as they come, in another order, padded, and their weights; a tile's values twice; factors twice.
        of_rows = rows * self._tiles * 4 * (4 * KEY_TILE + 2 * head_dim + 2 * candidates)
        of_keys = self._tiles * KEY_TILE * head_dim * 4 * 4
        return max(1, MOST_BYTES // (of_rows + of_keys))

    def _errors(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """q: [heads, rows, head_dim], scaled; k, v: [heads, tokens, head_dim]; all fp32."""
        scores = q @ k.transpose(1, 2)
        most, weight, value = self._tile_sums(scores, v)
        every = torch.ones(len(self.rows), 1, self._tiles, dtype=torch.bool, device=q.device)
        dense = _joined(most, weight, value, every)[:, :, 0]
        norm = dense.square().sum((1, 2))
        error = q.new_zeros(q.shape[0], len(self.tasks))
        for each in self._orders:
            if each.order is not None:
                most, weight, value = self._tile_sums(scores.index_select(2, each.order), v.index_select(1, each.order))
            out = _joined(most, weight, value, each.kept)
            error[:, each.members] = (out - dense.unsqueeze(2)).square().sum((1, 3))
        error[:, self._modes["skip"]] = norm.unsqueeze(1)
        if self._modes["mean"]:
            mean = v.mean(1, keepdim=True)
            error[:, self._modes["mean"]] = (mean - dense).square().sum((1, 2)).unsqueeze(1)
        return error, norm

    def _tile_sums(self, scores: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """scores: [heads, rows, tokens], v: [heads, tokens, head_dim], both in the order of the tiles.

        (greatest score, sum of weights relative to it, weighted sum of values [.., head_dim]), [heads, rows, tiles].
        """
        padding = self._tiles * KEY_TILE - self.tokens
        scores = torch.nn.functional.pad(scores, (0, padding), value=-math.inf).unflatten(2, (self._tiles, KEY_TILE))
        v = torch.nn.functional.pad(v, (0, 0, 0, padding)).unflatten(1, (self._tiles, KEY_TILE))
        most = scores.amax(-1)
        weights = torch.exp(scores - most.unsqueeze(-1))
        value = (weights.transpose(1, 2) @ v).transpose(1, 2)
        return most, weights.sum(-1), value


def _joined(most: torch.Tensor, weight: torch.Tensor, value: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """Output rows [heads, rows, candidates, head_dim] over the kept tiles; 0 where none is kept.

    kept: [rows, candidates, tiles]; the others as _tile_sums gives them.
    """
    scores = most.unsqueeze(2).masked_fill(~kept, -math.inf)
    greatest = scores.amax(-1, keepdim=True)
    factor = torch.exp(scores - greatest.masked_fill(greatest == -math.inf, 0.0))
    total = (factor @ weight.unsqueeze(-1)).squeeze(-1)
    return (factor @ value) / total.masked_fill(total == 0.0, 1.0).unsqueeze(-1)


def attention_map(q: torch.Tensor, k: torch.Tensor, scale: float, size: int, query_stride: int) -> torch.Tensor:
    """Attention map in fp32, [heads, size, size], the batch's mean.

    The share of attention that the queries of a block, every query_stride-th of them, give to each block of keys.
    Blocks that no token is left for hold 0.
    """
    tokens = q.shape[2]
    block = tile_count(tokens, size)
    shown = [range(first, min(first + block, tokens), query_stride) for first in range(0, tokens, block)]
    at = torch.tensor([token for each in shown for token in each], device=q.device)
    number = torch.tensor([number for number, each in enumerate(shown) for _ in each], device=q.device)
    # As a product, which has the same bits each time; adding by index on a GPU has not.
    of_block = (torch.arange(size, device=q.device).unsqueeze(1) == number).float()
    counts = torch.tensor([len(each) for each in shown] + [1] * (size - len(shown)), device=q.device)
    drawn = q.new_zeros(q.shape[1], size, size, dtype=torch.float32)
    with _exactly(q.device):
        for batch in range(q.shape[0]):
            for head in range(q.shape[1]):
                keys = k[batch, head].float().T
                for some, into in zip(at.split(MAP_QUERIES), of_block.split(MAP_QUERIES, 1), strict=True):
                    scores = (q[batch, head].index_select(0, some).float() * scale) @ keys
                    shares = torch.nn.functional.pad(torch.softmax(scores, -1), (0, size * block - tokens))
                    drawn[head] += into @ shares.unflatten(1, (size, block)).sum(-1)
    return drawn / (q.shape[0] * counts.view(1, size, 1))
