# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Tile lists through torch's FlexAttention, for GPUs that the binary module has no kernel for.

Keys are kept by whole tiles of 128 queries x 64 keys, so the keys are those of the other forms, exactly.
"""

import functools
import importlib.util
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from twill_vdit import device_tiles, native
from twill_vdit.tensors import DTYPES
from twill_vdit.tile_lists import KEY_TILE, QUERY_TILE, TileList, tile_count

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask

_HEAD_DIMS = (16, 32, 64, 128, 256)  # that its Triton template takes in every version
_failure = ""  # of the first call that did not compile here


def why_not(device: torch.device, dtype: torch.dtype, head_dim: int) -> str:
    """Empty when FlexAttention compiles for such tensors, as far as can be told without trying."""
    if importlib.util.find_spec("torch.nn.attention.flex_attention") is None:
        return f"torch {torch.__version__} has no FlexAttention; 2.5 does"
    if device.type != "cuda":
        return f"it is used on GPUs, not on {device.type}"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    if dtype not in DTYPES:
        return f"dtype {dtype}"
    if head_dim not in _HEAD_DIMS:
        return f"head_dim {head_dim} is not one of {', '.join(map(str, _HEAD_DIMS))}"
    return _failure


def tile_mask(tiles: TileList, tokens: int, device: torch.device) -> Callable[..., torch.Tensor]:
    """mask_mod(batch, head, query, key): true where the key's tile is in the list. Tokens count in its order."""
    kept = torch.zeros(tile_count(tokens, QUERY_TILE), tile_count(tokens, KEY_TILE), dtype=torch.bool)
    for query_tile in range(kept.shape[0]):
        kept[query_tile, torch.from_numpy(tiles.key_tiles(query_tile))] = True
    kept = kept.to(device)

    def keeps(batch: torch.Tensor, head: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return kept[query // QUERY_TILE, key // KEY_TILE]

    return keeps


def block_mask(tiles: TileList, tokens: int, device: torch.device) -> "BlockMask":
    """The list as a BlockMask for all batch rows and heads; made once per list, tokens and device."""
    from torch.nn.attention.flex_attention import BlockMask

    on_device = device_tiles.of(tiles, device)
    if tokens not in on_device.masks:
        counts, indices = (x[None, None] for x in on_device.blocks(tile_count(tokens, KEY_TILE)))
        known = inspect.signature(BlockMask.from_kv_blocks).parameters
        # Later versions derive the lengths from the blocks unless told, and make tables for the backward pass.
        extra: dict[str, Any] = {"seq_lengths": (tokens, tokens), "compute_q_blocks": False}
        on_device.masks[tokens] = BlockMask.from_kv_blocks(
            torch.zeros_like(counts),
            torch.zeros_like(indices),
            counts,
            indices,
            BLOCK_SIZE=(QUERY_TILE, KEY_TILE),
            mask_mod=tile_mask(tiles, tokens, device),
            **{name: value for name, value in extra.items() if name in known},
        )
    return on_device.masks[tokens]


@functools.cache
def _compiled() -> Callable[..., torch.Tensor]:
    from torch.nn.attention.flex_attention import flex_attention

    # fullgraph: past the limit of recompilations it raises, instead of computing all pairs.
    return torch.compile(flex_attention, dynamic=False, fullgraph=True)


def sparse_heads(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    tiles: TileList,
    scale: float,
    call: "Callable[..., torch.Tensor] | None" = None,
) -> torch.Tensor:
    """As eager.sparse_heads. Head by head: one shape and compilation, however many share a list."""
    on_device = device_tiles.of(tiles, q.device)
    mask = block_mask(tiles, q.shape[2], q.device)
    call = call or _compiled()
    # The template's own choice for small head_dims is 128 keys, which are no part of 64.
    options = {"BLOCK_M": QUERY_TILE, "BLOCK_N": KEY_TILE} if q.device.type == "cuda" else None
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    for head in range(q.shape[1]):
        one = [on_device.ordered(x[:, head : head + 1]).contiguous() for x in (q, k, v)]
        done = call(*one, block_mask=mask, scale=scale, kernel_options=options)
        out[:, head : head + 1] = on_device.raster(done)
    return out


def note_failure(error: Exception) -> None:
    """FlexAttention did not compile here (no C compiler, an unsupported GPU): it is not asked again."""
    global _failure
    _failure = f"it failed here: {str(error).strip().splitlines()[0][:200] or type(error).__name__}"
    native.say_once(f"twill_vdit runs its plans without FlexAttention, {_failure}")
