# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The tables that say which tiles a head computes, made in numpy.

Slower than the binary module and the same result; a tile that a pattern touches is computed whole.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twill_vdit.key_regions import KeyRegions
from twill_vdit.layout import TokenLayout, TokenOrder
from twill_vdit.order_geometry import KEY_TILE, QUERY_TILE, WORD, Words, geometry_of, tile_count
from twill_vdit.patterns import Pattern

__all__ = [
    "DEFAULT_ORDERS",
    "KEY_TILE",
    "QUERY_TILE",
    "ListArrays",
    "TileList",
    "compile_pattern",
    "compile_pattern_in_order",
    "dense_tiles",
    "needs_list",
    "tile_count",
]

# Where a pattern leaves its order open: the one with the fewest tiles, the first of equals. The list of core/plan.
DEFAULT_ORDERS = (
    TokenOrder("raster"),
    TokenOrder("time_fastest"),
    TokenOrder("tiles", 4, 4, 4),
    TokenOrder("tiles", 2, 8, 8),
    TokenOrder("tiles", 4, 4, 8),
)


# What a TileList is made of: (runs, run_begin, position_to_token or None).
ListArrays = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32] | None]


@dataclass(frozen=True, eq=False)  # compared and kept as the object that it is
class TileList:
    """runs: int32 [runs, 2], first key tile and count; run_begin: int32 [query_tiles + 1], offsets into runs.

    position_to_token: [tokens], or None for raster.
    """

    runs: np.ndarray
    run_begin: np.ndarray
    position_to_token: np.ndarray | None

    @property
    def tiles(self) -> int:
        return int(self.runs[:, 1].sum())

    def key_tiles(self, query_tile: int) -> np.ndarray:
        rows = self.runs[self.run_begin[query_tile] : self.run_begin[query_tile + 1]]
        return np.concatenate([np.arange(first, first + count) for first, count in rows] or [np.arange(0)])


def dense_tiles(layout: TokenLayout) -> int:
    return tile_count(layout.tokens, QUERY_TILE) * tile_count(layout.tokens, KEY_TILE)


def needs_list(pattern: Pattern) -> bool:
    """Whether the pattern is compiled to a list; dense, skip and mean are not."""
    return bool(pattern.parts)


def _tiles(pattern: Pattern, order: TokenOrder, layout: TokenLayout) -> Words:
    """[query tiles, words]: the key tiles of each query tile."""
    geometry = geometry_of(order, layout)
    if pattern.parts:
        return KeyRegions(pattern, layout).tiles(geometry)
    made = np.zeros((geometry.query_tiles, geometry.words), dtype="<u8")
    if pattern.kind == "dense":
        made[:] = geometry.every
    return made


_ONES = np.array([value.bit_count() for value in range(1 << 16)], dtype=np.uint8)


def _count(tiles: Words) -> int:
    return int(_ONES[tiles.view("<u2")].sum(dtype=np.int64))


def _list_of(tiles: Words, order: TokenOrder, layout: TokenLayout) -> TileList:
    """A run begins and ends where a bit differs from the one before it; the bit behind the last tile is 0."""
    query_tiles, words = tiles.shape
    before = tiles << np.uint64(1)
    before[:, 1:] |= tiles[:, :-1] >> np.uint64(WORD - 1)
    edges = np.flatnonzero(np.unpackbits((tiles ^ before).view(np.uint8), bitorder="little").view(bool))
    begins, ends = edges[0::2], edges[1::2]
    tile, first = np.divmod(begins, words * WORD)
    run_begin = np.searchsorted(tile, np.arange(query_tiles + 1))
    runs = np.empty((len(begins), 2), dtype=np.int32)
    runs[:, 0], runs[:, 1] = first, ends - begins
    return TileList(
        runs,
        run_begin.astype(np.int32),
        None if order.kind == "raster" else geometry_of(order, layout).position_to_token,
    )


def compile_pattern_in_order(pattern: Pattern, order: TokenOrder, layout: TokenLayout) -> TileList:
    """For each query tile the key tiles that hold a key that any of its queries keeps."""
    return _list_of(_tiles(pattern, order, layout), order, layout)


def compile_pattern(pattern: Pattern, layout: TokenLayout) -> tuple[TokenOrder, TileList]:
    """The pattern's own order, or the one with the fewest tiles, and the list there."""
    orders = DEFAULT_ORDERS if pattern.order is None else (pattern.order,)
    made = [_tiles(pattern, order, layout) for order in orders]
    best = min(range(len(orders)), key=lambda i: _count(made[i]))
    return orders[best], _list_of(made[best], orders[best], layout)
