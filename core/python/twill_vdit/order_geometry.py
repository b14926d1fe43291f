# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Query tiles and key tiles of a layout in a token order, as boxes of the grid, and sets of key tiles as words of bits.

What follows from the layout and the order alone is made here once, for all patterns.
"""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twill_vdit.layout import TokenLayout, TokenOrder

QUERY_TILE = 128
KEY_TILE = 64
WORD = 64  # key tiles of a word

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]  # [sets, words], the lowest bit first


def tile_count(tokens: int, tile: int) -> int:
    """Tiles that hold so many tokens, the last one ragged."""
    return -(-tokens // tile)


@dataclass(frozen=True)
class Boxes:
    """tile: [boxes], ascending, which tile each belongs to; first, last: [3, boxes], frames, rows and columns."""

    tile: Ints
    first: Ints
    last: Ints

    @functools.cached_property
    def of_frames(self) -> tuple[Ints, Ints]:
        """([2, pairs], the first and last frames that occur together; [boxes], which pair each box has)."""
        pairs, which = np.unique(np.stack([self.first[0], self.last[0]]), axis=1, return_inverse=True)
        return pairs, which.reshape(-1)


def _bits(tiles: Ints, words: int) -> Words:
    """The set of these tiles."""
    made = np.zeros(words, dtype="<u8")
    np.bitwise_or.at(made, tiles // WORD, np.uint64(1) << (tiles % WORD).astype(np.uint64))
    return made


class Ordered:
    """Key tiles by a number that each has, such as the first row of its keys: those with at least, or at most, some v.

    numbers: [key tiles], of 0..size - 1.
    """

    def __init__(self, tiles: Ints, first: Ints, last: Ints, size: int, words: int) -> None:
        self._size = size
        bit = np.uint64(1) << (tiles % WORD).astype(np.uint64)
        self._begun = np.zeros((size + 1, words), dtype="<u8")  # [v + 1]: first <= v
        np.bitwise_or.at(self._begun, (first + 1, tiles // WORD), bit)
        np.bitwise_or.accumulate(self._begun, axis=0, out=self._begun)
        going = np.zeros((size + 1, words), dtype="<u8")  # [v]: last >= v
        np.bitwise_or.at(going, (last, tiles // WORD), bit)
        self._going = np.bitwise_or.accumulate(going[::-1], axis=0)[::-1]

    def meeting(self, low: Ints, high: Ints) -> Words:
        """For each range low..high, the tiles whose own first..last it meets; ranges may reach past the ends."""
        met: Words = self._going[np.clip(low, 0, self._size)]
        met &= self._begun[np.clip(high + 1, 0, self._size)]
        return met


class KeyBoxes:
    """One box of each key tile that has so many, in three orders: by frames, rows and columns."""

    def __init__(self, boxes: Boxes, layout: TokenLayout, words: int) -> None:
        self._boxes, self._layout, self._words = boxes, layout, words
        sizes = (layout.frames, layout.rows, layout.cols)
        self.axes = [
            Ordered(boxes.tile, boxes.first[axis], boxes.last[axis], size, words) for axis, size in enumerate(sizes)
        ]

    @functools.cached_property
    def places(self) -> Ordered:
        """By the first and the last place of a box in its frames, counted in raster."""
        first, last = (rows * self._layout.cols + cols for _, rows, cols in (self._boxes.first, self._boxes.last))
        return Ordered(self._boxes.tile, first, last, self._layout.frame_tokens, self._words)


class OrderGeometry:
    """A layout's tiles in one order.

    Attributes:
        position_to_token: int32 [tokens].
        queries: boxes of the query tiles.
        keys: the boxes of the key tiles, the first of each, the second of those that have one, and so on.
        text: the key tiles that hold tokens of the text, [words].
        every: all key tiles, [words].
        keeps_all: bool [query tiles], those that hold tokens of the text.
    """

    def __init__(self, order: TokenOrder, layout: TokenLayout) -> None:
        self.layout = layout
        self.order = order
        self.position_to_token = order.position_to_token(layout).astype(np.int32)
        self.query_tiles = tile_count(layout.tokens, QUERY_TILE)
        self.key_tiles = tile_count(layout.tokens, KEY_TILE)
        self.words = self.key_tiles // WORD + 1  # one bit more than tiles: runs end before it
        grid_end = layout.prefix + layout.grid_tokens
        keys = self._key_boxes()
        self.queries = _joined_boxes(Boxes(keys.tile // (QUERY_TILE // KEY_TILE), keys.first, keys.last), order)
        number = np.arange(len(keys.tile)) - np.searchsorted(keys.tile, keys.tile)  # of the boxes of its tile
        self.keys = [
            KeyBoxes(Boxes(keys.tile[chosen], keys.first[:, chosen], keys.last[:, chosen]), layout, self.words)
            for chosen in (np.flatnonzero(number == i) for i in range(number.max() + 1))
        ]
        text = np.concatenate([np.arange(layout.prefix), np.arange(grid_end, layout.tokens)]) // KEY_TILE
        self.text = _bits(text, self.words)
        self.every = _bits(np.arange(self.key_tiles), self.words)
        first = np.arange(self.query_tiles) * QUERY_TILE
        self.keeps_all = (first < layout.prefix) | (np.minimum(first + QUERY_TILE, layout.tokens) > grid_end)

    def _key_boxes(self) -> Boxes:
        layout = self.layout
        position = np.arange(layout.prefix, layout.prefix + layout.grid_tokens)
        frame, inside = np.divmod(self.position_to_token[position] - layout.prefix, layout.frame_tokens)
        place = np.stack([frame, *np.divmod(inside, layout.cols)])
        boxes = _joined_boxes(Boxes(position // KEY_TILE, place, place), self.order)
        return Boxes(boxes.tile, boxes.first.astype(np.int64), boxes.last.astype(np.int64))


def _joined_boxes(boxes: Boxes, order: TokenOrder) -> Boxes:
    """Consecutive positions of a tile, joined to rows, these to planes, these to boxes, and boxes side by side."""
    # From the outermost axis to the one along which positions run.
    outer, middle, inner = (1, 2, 0) if order.kind == "time_fastest" else (0, 1, 2)
    for axis in (inner, middle, outer, inner):
        boxes = _joined(boxes, axis)
    return boxes


def _joined(boxes: Boxes, axis: int) -> Boxes:
    """Neighbours of one tile that go on along an axis and agree on the two others become one box."""
    others = [other for other in range(3) if other != axis]
    goes_on = boxes.tile[1:] == boxes.tile[:-1]
    goes_on &= boxes.first[axis, 1:] == boxes.last[axis, :-1] + 1
    for edges in (boxes.first, boxes.last):
        for other in others:
            goes_on &= edges[other, 1:] == edges[other, :-1]
    begins = np.flatnonzero(np.concatenate([[True], ~goes_on]))
    ends = np.concatenate([begins[1:], [len(boxes.tile)]]) - 1
    return Boxes(boxes.tile[begins], boxes.first[:, begins], boxes.last[:, ends])


@functools.lru_cache(maxsize=16)
def geometry_of(order: TokenOrder, layout: TokenLayout) -> OrderGeometry:
    """Made once for each order and layout."""
    return OrderGeometry(order, layout)
