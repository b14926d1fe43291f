# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Every pattern in plain torch, on any device: what runs without the binary module, and what it is compared with."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as functional

from twill_vdit.tile_lists import KEY_TILE, QUERY_TILE, TileList


def attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    tasks: Sequence[tuple[str, int]],
    tile_list: Callable[[int], TileList],
    scale: float,
) -> torch.Tensor:
    """q, k, v: [batch, heads, tokens, head_dim]; tasks: (mode, list) per head. Returns the same shape, contiguous."""
    out = torch.zeros(q.shape, dtype=q.dtype, device=q.device)
    heads_of = defaultdict(list)
    for head, task in enumerate(tasks):
        heads_of[task].append(head)
    for (mode, index), heads in heads_of.items():
        if mode == "mean":
            out[:, heads] = v[:, heads].mean(dim=2, keepdim=True, dtype=torch.float32).to(v.dtype)
        elif mode == "dense":
            out[:, heads] = functional.scaled_dot_product_attention(q[:, heads], k[:, heads], v[:, heads], scale=scale)
        elif mode == "sparse":
            out[:, heads] = sparse_heads(q[:, heads], k[:, heads], v[:, heads], tile_list(index), scale)
    return out


def sparse_heads(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, tiles: TileList, scale: float) -> torch.Tensor:
    """Heads that share a tile list: one dense attention per query tile over the keys of its runs."""
    tokens = q.shape[2]
    order = None
    if tiles.position_to_token is not None:
        order = torch.as_tensor(tiles.position_to_token, dtype=torch.int64, device=q.device)
        q, k, v = (x.index_select(2, order) for x in (q, k, v))
    out = torch.zeros_like(q, memory_format=torch.contiguous_format)
    inside_tile = torch.arange(KEY_TILE, device=q.device)
    for query_tile, begin in enumerate(range(0, tokens, QUERY_TILE)):
        kept = torch.as_tensor(tiles.key_tiles(query_tile), device=q.device)
        keys = (kept[:, None] * KEY_TILE + inside_tile).flatten()
        keys = keys[keys < tokens]
        if len(keys) == 0:  # nothing to attend to: the output stays 0, as for skip
            continue
        rows = slice(begin, begin + QUERY_TILE)
        out[:, :, rows] = functional.scaled_dot_product_attention(
            q[:, :, rows], k.index_select(2, keys), v.index_select(2, keys), scale=scale
        )
    if order is None:
        return out
    return torch.empty_like(out).index_copy_(2, order, out)
