# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The tables that say which tiles a head computes, made in numpy from the definition of each pattern.

Slower than the binary module and the same result; a tile that a pattern touches is computed whole.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twill_vdit.layout import TokenLayout, TokenOrder
from twill_vdit.patterns import Pattern, keeps

QUERY_TILE = 128
KEY_TILE = 64

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


def tile_count(tokens: int, tile: int) -> int:
    return -(-tokens // tile)


def dense_tiles(layout: TokenLayout) -> int:
    return tile_count(layout.tokens, QUERY_TILE) * tile_count(layout.tokens, KEY_TILE)


def compile_pattern_in_order(pattern: Pattern, order: TokenOrder, layout: TokenLayout) -> TileList:
    tokens = order.position_to_token(layout)
    key_tiles = tile_count(layout.tokens, KEY_TILE)
    padding = key_tiles * KEY_TILE - layout.tokens
    runs, run_begin = [], [0]
    for begin in range(0, layout.tokens, QUERY_TILE):
        kept = keeps(pattern, layout, tokens[begin : begin + QUERY_TILE], tokens).any(axis=0)
        touched = np.pad(kept, (0, padding)).reshape(key_tiles, KEY_TILE).any(axis=1)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], touched.astype(np.int8), [0]])))
        runs += [(first, end - first) for first, end in edges.reshape(-1, 2)]
        run_begin.append(len(runs))
    return TileList(
        np.array(runs, dtype=np.int32).reshape(-1, 2),
        np.array(run_begin, dtype=np.int32),
        None if order.kind == "raster" else tokens,
    )


def compile_pattern(pattern: Pattern, layout: TokenLayout) -> TileList:
    orders = DEFAULT_ORDERS if pattern.order is None else (pattern.order,)
    return min((compile_pattern_in_order(pattern, order, layout) for order in orders), key=lambda made: made.tiles)
