# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Every pattern in plain torch, on any device: what runs without the binary module, and what it is compared with."""

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as functional

from twill_vdit import device_tiles
from twill_vdit.tile_lists import KEY_TILE, QUERY_TILE, TileList

Task = tuple[str, int]
# q, k, v, their tile list, scale -> out
Sparse = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, TileList, float], torch.Tensor]


@functools.lru_cache(maxsize=8192)
def _groups(tasks: tuple[Task, ...], device: torch.device) -> tuple[tuple[Task, torch.Tensor], ...]:
    """Heads with the same task, and their numbers on the device."""
    heads_of = defaultdict(list)
    for head, task in enumerate(tasks):
        heads_of[task].append(head)
    return tuple((task, torch.tensor(heads, device=device)) for task, heads in heads_of.items())


def attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    tasks: Sequence[Task],
    tile_list: Callable[[int], TileList],
    scale: float,
    sparse: "Sparse | None" = None,
) -> torch.Tensor:
    """Attention of heads with a task each. The result has q's shape and its order of axes in memory.

    Nothing here waits for the device once a plan's tables are there, so a CUDA graph can hold it.

    Args:
        q: [batch, heads, tokens, head_dim].
        k: as q.
        v: as q.
        tasks: (mode, list) of each head.
        tile_list: of a list that a task names.
        scale: of q k^T.
        sparse: computes heads that share a tile list, as sparse_heads does.
    """
    sparse = sparse or sparse_heads
    out = torch.zeros_like(q)
    for (mode, index), heads in _groups(tuple(tasks), q.device):
        if mode == "skip":
            continue
        if mode == "mean":
            mean = v.index_select(1, heads).mean(dim=2, keepdim=True, dtype=torch.float32).to(v.dtype)
            result = mean.expand(-1, -1, v.shape[2], -1)
        else:
            some_q, some_k, some_v = (x.index_select(1, heads) for x in (q, k, v))
            if mode == "dense":
                result = functional.scaled_dot_product_attention(some_q, some_k, some_v, scale=scale)
            else:
                result = sparse(some_q, some_k, some_v, tile_list(index), scale)
        out.index_copy_(1, heads, result)
    return out


def sparse_heads(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, tiles: TileList, scale: float) -> torch.Tensor:
    """One dense attention per query tile over the keys of its runs."""
    on_device = device_tiles.of(tiles, q.device)
    q, k, v = (on_device.ordered(x) for x in (q, k, v))
    tokens = q.shape[2]
    out = torch.zeros_like(q, memory_format=torch.contiguous_format)
    inside_tile = torch.arange(KEY_TILE, device=q.device)
    for query_tile, begin in enumerate(range(0, tokens, QUERY_TILE)):
        kept, count = on_device.key_tiles(query_tile, tokens)
        if count == 0:  # nothing to attend to: the output stays 0, as for skip
            continue
        keys = (kept[:, None] * KEY_TILE + inside_tile).flatten()[:count]
        rows = slice(begin, begin + QUERY_TILE)
        out[:, :, rows] = functional.scaled_dot_product_attention(
            q[:, :, rows], k.index_select(2, keys), v.index_select(2, keys), scale=scale
        )
    return on_device.raster(out)
