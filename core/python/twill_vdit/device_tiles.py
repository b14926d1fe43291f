# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Tile lists as tensors on a device, copied there once: a copy at each call would make the host wait."""

import weakref
from typing import TYPE_CHECKING

import numpy as np
import torch

from twill_vdit.tile_lists import KEY_TILE, TileList, tile_count

if TYPE_CHECKING:
    from torch.nn.attention.flex_attention import BlockMask


class DeviceTiles:
    def __init__(self, tiles: TileList, device: torch.device) -> None:
        query_tiles = len(tiles.run_begin) - 1
        kept = [tiles.key_tiles(query_tile) for query_tile in range(query_tiles)]
        self._begin = np.cumsum([0, *map(len, kept)]).tolist()
        self._last = [int(tiles_of[-1]) if len(tiles_of) else -1 for tiles_of in kept]
        self._kept = torch.from_numpy(np.concatenate([*kept, np.arange(0)]).astype(np.int64)).to(device)
        self.query_tiles = query_tiles
        self.device = device
        self.masks: dict[int, BlockMask] = {}  # tokens -> FlexAttention's mask, filled by flex.py
        self._order = self._place = None
        if tiles.position_to_token is not None:
            order = np.asarray(tiles.position_to_token, dtype=np.int64)
            self._order = torch.from_numpy(order).to(device)
            self._place = torch.from_numpy(np.argsort(order)).to(device)

    def key_tiles(self, query_tile: int, tokens: int) -> tuple[torch.Tensor, int]:
        """(key tiles, ascending; how many keys they hold: the last tile of all may be ragged)."""
        begin, end = self._begin[query_tile : query_tile + 2]
        ragged = tile_count(tokens, KEY_TILE) * KEY_TILE - tokens
        has_last = self._last[query_tile] == tile_count(tokens, KEY_TILE) - 1
        return self._kept[begin:end], (end - begin) * KEY_TILE - (ragged if has_last else 0)

    def blocks(self, key_tiles: int) -> tuple[torch.Tensor, torch.Tensor]:
        """int32 (kept key tiles per query tile [query_tiles], the tiles first in [query_tiles, key_tiles])."""
        counts = np.diff(self._begin)
        indices = np.zeros((self.query_tiles, key_tiles), dtype=np.int32)
        kept = self._kept.cpu().numpy()
        for row, (begin, count) in enumerate(zip(self._begin, counts, strict=False)):
            indices[row, :count] = kept[begin : begin + count]
        return torch.from_numpy(counts.astype(np.int32)).to(self.device), torch.from_numpy(indices).to(self.device)

    def ordered(self, x: torch.Tensor) -> torch.Tensor:
        """x [batch, heads, tokens, head_dim] with its tokens in the list's order."""
        return x if self._order is None else x.index_select(2, self._order)

    def raster(self, x: torch.Tensor) -> torch.Tensor:
        """The way back."""
        return x if self._place is None else x.index_select(2, self._place)


_made: "weakref.WeakKeyDictionary[TileList, dict[torch.device, DeviceTiles]]" = weakref.WeakKeyDictionary()


def of(tiles: TileList, device: torch.device) -> DeviceTiles:
    devices = _made.setdefault(tiles, {})
    if device not in devices:
        devices[device] = DeviceTiles(tiles, device)
    return devices[device]
