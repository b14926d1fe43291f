# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Which key tiles the queries of each query tile keep, by a pattern, for whole boxes of queries at once.

A box moved along every query of a box sweeps a box, so windows are boxes of keys; a band is a range of places in a
frame. The key tiles that meet such a range are one word of bits for 64 tiles, so a layer's worth of tiles costs a few
thousand words. The same result as patterns.keeps over every pair.
"""

from collections.abc import Iterator

import numpy as np

from twill_vdit.layout import TokenLayout
from twill_vdit.order_geometry import Boxes, Ints, KeyBoxes, OrderGeometry, Words
from twill_vdit.patterns import (
    Diagonal,
    MultiDiagonal,
    Pattern,
    VerticalStripe,
    Window,
    round_away,
    round_down,
    round_up,
)

Range = tuple[Ints, Ints]  # first and last, both within
Box = tuple[Ints, Ints]  # [3] each
_MOST_WORDS = 1 << 17  # of the boxes' sets that are held at a time: 1 MB, which stays in a processor's cache


def _sizes(layout: TokenLayout) -> Ints:
    return np.array([layout.frames, layout.rows, layout.cols])


def _without(box: Box, hole: Box) -> Iterator[Box]:
    """The boxes that make up `box` without `hole`."""
    first, last = box[0].copy(), box[1].copy()
    low, high = np.maximum(first, hole[0]), np.minimum(last, hole[1])
    if (low > high).any():
        yield box
        return
    for axis in range(3):
        for begin, end in ((first[axis], low[axis] - 1), (high[axis] + 1, last[axis])):
            if begin <= end:
                side = first.copy(), last.copy()
                side[0][axis], side[1][axis] = begin, end
                yield side
        first[axis], last[axis] = low[axis], high[axis]


class KeyRegions:
    """A pattern at a layout."""

    def __init__(self, pattern: Pattern, layout: TokenLayout) -> None:
        self._layout = layout
        self._fixed: list[Box] = []  # what every query keeps: stripes
        self._fixed_of_lost: list[Box] = []
        self._windows: list[tuple[Ints, Ints]] = []  # (offset, radius), [3] each
        self._bands: list[tuple[int, int]] = []  # (frames, half width)
        for part in pattern.parts:
            if isinstance(part, Diagonal):
                self._bands.append((0, round_up(part.reach, layout.frame_tokens)))
            elif isinstance(part, MultiDiagonal):
                half_width = round_up(part.rows, layout.rows) * layout.cols + round_up(part.cols, layout.cols)
                self._bands.append((min(part.frames, layout.frames), half_width))
            elif isinstance(part, VerticalStripe):
                self._add_stripe(part)
            else:
                self._add_window(part)
        self._lost = self._lost_queries()

    def _add_stripe(self, part: VerticalStripe) -> None:
        layout = self._layout
        for box in part.boxes:
            frames = box.frames_in(layout)
            into = self._fixed if frames else self._fixed_of_lost
            frames = frames or box.nearest_frame(layout)
            first = [frames.start, round_down(box.row_begin, layout.rows), round_down(box.col_begin, layout.cols)]
            end = [frames.stop, round_up(box.row_end, layout.rows), round_up(box.col_end, layout.cols)]
            into.append((np.array(first), np.array(end) - 1))

    def _add_window(self, part: Window) -> None:
        rows, cols = self._layout.rows, self._layout.cols
        offset = [part.offset_frames, round_away(part.offset_rows, rows), round_away(part.offset_cols, cols)]
        self._windows.append(
            (np.array(offset), np.array([part.frames, round_up(part.rows, rows), round_up(part.cols, cols)]))
        )

    def _lost_queries(self) -> list[Box]:
        """Queries that find no key where the parts look; a band holds the query itself."""
        if self._fixed or self._bands:
            return []
        whole = np.zeros(3, dtype=np.int64), _sizes(self._layout) - 1
        lost: list[Box] = [whole]
        for offset, radius in self._windows:
            served = np.maximum(whole[0], -offset - radius), np.minimum(whole[1], whole[1] - offset + radius)
            lost = [rest for box in lost for rest in _without(box, served)]
        return lost

    def tiles(self, geometry: OrderGeometry) -> Words:
        """[query tiles, words], the key tiles of each query tile."""
        always = geometry.text.copy()
        for first, last in self._fixed:
            always |= _meeting(geometry, first[:, None], last[:, None])[0]
        kept = np.tile(always, (geometry.query_tiles, 1))
        queries = geometry.queries
        # Cut between tiles, so that no tile is in two parts.
        most = max(1, _MOST_WORDS // geometry.words)
        begin = 0
        while begin < len(queries.tile) and (self._windows or self._bands or self._lost):
            end = len(queries.tile)
            if end - begin > most:
                end = max(int(np.searchsorted(queries.tile, queries.tile[begin + most])), begin + 1)
                end = int(np.searchsorted(queries.tile, queries.tile[end - 1], side="right"))
            part = Boxes(queries.tile[begin:end], queries.first[:, begin:end], queries.last[:, begin:end])
            begins = np.flatnonzero(np.diff(part.tile, prepend=-1))
            kept[part.tile[begins]] |= np.bitwise_or.reduceat(self._moving(geometry, part), begins, axis=0)
            begin = end
        kept[geometry.keeps_all] = geometry.every
        return kept

    def _moving(self, geometry: OrderGeometry, queries: Boxes) -> Words:
        """[boxes, words], what any query of each box keeps, fixed boxes left out."""
        kept = np.zeros((len(queries.tile), geometry.words), dtype="<u8")
        for offset, radius in self._windows:
            low, high = (offset - radius)[:, None], (offset + radius)[:, None]
            kept |= _meeting(geometry, queries.first + low, queries.last + high)
        for frames, half_width in self._bands:
            if 2 * half_width + 1 >= geometry.layout.cols:
                _add_wide_bands(geometry, queries, frames, half_width, kept)
            else:
                _add_narrow_bands(geometry, queries, frames, half_width, kept)
        for first, last in self._lost:
            low, high = np.maximum(queries.first, first[:, None]), np.minimum(queries.last, last[:, None])
            here = np.flatnonzero((low <= high).all(axis=0))
            if len(here) == 0:
                continue
            for _, radius in self._windows:
                kept[here] |= _meeting(geometry, low[:, here] - radius[:, None], high[:, here] + radius[:, None])
            for box_first, box_last in self._fixed_of_lost:
                kept[here] |= _meeting(geometry, box_first[:, None], box_last[:, None])
        return kept


def _meeting(geometry: OrderGeometry, first: Ints, last: Ints) -> Words:
    """[boxes, words], the key tiles that hold a key of each box; first, last: [3, boxes]."""
    met: Words | None = None
    for keys in geometry.keys:
        of_plane = keys.axes[0].meeting(first[0], last[0])
        for axis in (1, 2):
            of_plane &= keys.axes[axis].meeting(first[axis], last[axis])
        met = of_plane if met is None else np.bitwise_or(met, of_plane, out=met)
    assert met is not None
    return met


def _add_wide_bands(geometry: OrderGeometry, queries: Boxes, frames: int, half_width: int, kept: Words) -> None:
    """Bands so wide that those of one row reach those of the next: a box's are one range of places in a frame.

    Key and query m frames apart, beside those that the pattern bridges, are within the band where their places in a
    frame differ by -m frames, give or take half a width.
    """
    layout = geometry.layout
    first, last = (edges[1] * layout.cols + edges[2] for edges in (queries.first, queries.last))
    # Any two places are within the band up to so many frames apart; none is when they are more than the farthest.
    whole = (half_width + 1) // layout.frame_tokens - 1
    farthest = min((half_width + layout.frame_tokens - 1) // layout.frame_tokens, layout.frames + frames)
    if whole >= 0:
        for keys in geometry.keys:
            kept |= _of_frames(keys, queries, -whole - frames, whole + frames)
    for apart in (m for m in range(-farthest, farthest + 1) if abs(m) > whole):
        shift = apart * layout.frame_tokens
        for keys in geometry.keys:
            met = keys.places.meeting(first - shift - half_width, last - shift + half_width)
            met &= _of_frames(keys, queries, apart - frames, apart + frames)
            kept |= met


def _of_frames(keys: KeyBoxes, queries: Boxes, low: int, high: int) -> Words:
    """[boxes, words], the key tiles low..high frames from each box; few boxes differ in this."""
    pairs, which = queries.of_frames
    met: Words = keys.axes[0].meeting(pairs[0] + low, pairs[1] + high)[which]
    return met


def _add_narrow_bands(geometry: OrderGeometry, queries: Boxes, frames: int, half_width: int, kept: Words) -> None:
    """Other bands: they reach at most into the rows beside, which may be those of the frames beside."""
    layout = geometry.layout
    for rows_on in (-1, 0, 1):
        shift = rows_on * layout.cols
        for apart in (-1, 0, 1):
            rows = rows_on - apart * layout.rows
            if abs(rows) >= layout.rows:
                continue
            for keys in geometry.keys:
                met = keys.axes[2].meeting(queries.first[2] - shift - half_width, queries.last[2] - shift + half_width)
                met &= keys.axes[1].meeting(queries.first[1] + rows, queries.last[1] + rows)
                met &= _of_frames(keys, queries, apart - frames, apart + frames)
                kept |= met
