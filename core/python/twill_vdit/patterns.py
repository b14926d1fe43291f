# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Which keys a query keeps.

Units: frames absolute; rows and columns as fractions of their axis, rounded up to whole tokens; radii inclusive and
clamped at the borders. Prefix and suffix tokens are always kept, both ways (skip and mean excepted).

A query whose parts hold no token of the grid, because the places of its windows and the frames of its stripes lie
outside the clip, keeps what the windows hold around its own place, without their offset, and the stripes' boxes in the
frame nearest their first. So every query of a pattern with parts keeps a token of the grid.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twill_vdit.errors import Error
from twill_vdit.layout import TokenLayout, TokenOrder

# The order and spelling of kPatternNames in core/plan; a test compares them.
PATTERN_NAMES = ("dense", "skip", "mean", "diagonal", "multi_diagonal", "vertical_stripe", "window", "union")


# A product within this of a whole number is that number: 0.07 of 100 columns is 7 tokens, though 0.07 * 100 is
# 7.000000000000001. The value of core/plan's rounding.
WHOLE_TOKEN = 1e-6

Tokens = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def round_up(fraction: float, axis: int) -> int:
    return math.ceil(fraction * axis - WHOLE_TOKEN)


def round_down(fraction: float, axis: int) -> int:
    return math.floor(fraction * axis + WHOLE_TOKEN)


def round_away(fraction: float, axis: int) -> int:
    return -round_up(-fraction, axis) if fraction < 0 else round_up(fraction, axis)


class Places:
    """Raster grid tokens with their frame, row and column; arrays of one shape that broadcasts."""

    def __init__(self, token: Tokens, layout: TokenLayout) -> None:
        self.token = token
        self.frame, inside = np.divmod(token, layout.frame_tokens)
        self.row, self.col = np.divmod(inside, layout.cols)


class _Band:
    """Around the query itself, so that it always holds a token of the grid."""

    def keeps(self, query: Places, key: Places, layout: TokenLayout) -> Mask:
        raise NotImplementedError(f"{type(self).__name__} does not say what it keeps")

    def holds_any(self, query: Places, layout: TokenLayout) -> Mask:
        return np.ones(query.token.shape, dtype=bool)

    def keeps_lost(self, query: Places, key: Places, layout: TokenLayout) -> Mask:
        return self.keeps(query, key, layout)


@dataclass(frozen=True)
class Diagonal(_Band):
    """|i - j| <= ceil(reach * frame_tokens) in raster tokens; reach in frames."""

    reach: float

    def keeps(self, query: Places, key: Places, layout: TokenLayout) -> Mask:
        kept: Mask = np.abs(query.token - key.token) <= round_up(self.reach, layout.frame_tokens)
        return kept


@dataclass(frozen=True)
class MultiDiagonal(_Band):
    """A band of half width ceil(rows R) C + ceil(cols C) around i's place in each frame up to `frames` away."""

    frames: int
    rows: float
    cols: float

    def keeps(self, query: Places, key: Places, layout: TokenLayout) -> Mask:
        half_width = round_up(self.rows, layout.rows) * layout.cols + round_up(self.cols, layout.cols)
        distance = key.token - query.token
        nearest = np.rint(distance / layout.frame_tokens).astype(np.int64)
        band = np.clip(nearest, -self.frames, self.frames)
        kept: Mask = np.abs(distance - band * layout.frame_tokens) <= half_width
        return kept


def frame_in_clip(frame: int, frames: int) -> int:
    return min(max(frame + frames if frame < 0 else frame, 0), frames)


@dataclass(frozen=True)
class KeyBox:
    """Half open, fractions rounded outwards: rows [floor(row_begin R), ceil(row_end R)).

    Frames below 0 count from the clip's end, -1 is the last one; all are clamped.
    """

    frame_begin: int
    frame_end: int
    row_begin: float = 0.0
    row_end: float = 1.0
    col_begin: float = 0.0
    col_end: float = 1.0

    def frames_in(self, layout: TokenLayout) -> range:
        return range(*(frame_in_clip(frame, layout.frames) for frame in (self.frame_begin, self.frame_end)))

    def nearest_frame(self, layout: TokenLayout) -> range:
        frame = min(frame_in_clip(self.frame_begin, layout.frames), layout.frames - 1)
        return range(frame, frame + 1)

    def holds(self, key: Places, layout: TokenLayout, frames: range) -> Mask:
        return (
            (key.frame >= frames.start)
            & (key.frame < frames.stop)
            & (key.row >= round_down(self.row_begin, layout.rows))
            & (key.row < round_up(self.row_end, layout.rows))
            & (key.col >= round_down(self.col_begin, layout.cols))
            & (key.col < round_up(self.col_end, layout.cols))
        )


@dataclass(frozen=True)
class VerticalStripe:
    """Key boxes that every query keeps."""

    boxes: tuple[KeyBox, ...]

    def keeps(self, query: Places, key: Places, layout: TokenLayout) -> Mask:
        return self._holds(query, key, layout, KeyBox.frames_in)

    def holds_any(self, query: Places, layout: TokenLayout) -> Mask:
        return np.full(query.token.shape, any(box.frames_in(layout) for box in self.boxes))

    def keeps_lost(self, query: Places, key: Places, layout: TokenLayout) -> Mask:
        return self._holds(query, key, layout, KeyBox.nearest_frame)

    def _holds(self, query: Places, key: Places, layout: TokenLayout, frames: Callable[..., range]) -> Mask:
        kept = np.zeros(np.broadcast_shapes(query.token.shape, key.token.shape), dtype=bool)
        for box in self.boxes:
            kept |= box.holds(key, layout, frames(box, layout))
        return kept


@dataclass(frozen=True)
class Window:
    """A 3-D box around the query, or around the place an offset away (its fractions are rounded away from zero)."""

    frames: int
    rows: float
    cols: float
    offset_frames: int = 0
    offset_rows: float = 0.0
    offset_cols: float = 0.0

    def keeps(self, query: Places, key: Places, layout: TokenLayout) -> Mask:
        frames, rows, cols = (np.abs(at - place) <= radius for at, place, radius, _ in self._axes(query, key, layout))
        kept: Mask = frames & rows & cols
        return kept

    def holds_any(self, query: Places, layout: TokenLayout) -> Mask:
        axes = self._axes(query, query, layout)
        inside: Mask = np.logical_and.reduce(
            [(place + radius >= 0) & (place - radius < size) for _, place, radius, size in axes]
        )
        return inside

    def keeps_lost(self, query: Places, key: Places, layout: TokenLayout) -> Mask:
        return Window(self.frames, self.rows, self.cols).keeps(query, key, layout)

    def _axes(self, query: Places, key: Places, layout: TokenLayout) -> list[tuple[Tokens, Tokens, int, int]]:
        """(the key's place, the query's at the offset, radius, size) of each axis."""
        rows, cols = layout.rows, layout.cols
        return [
            (key.frame, query.frame + self.offset_frames, self.frames, layout.frames),
            (key.row, query.row + round_away(self.offset_rows, rows), round_up(self.rows, rows), rows),
            (key.col, query.col + round_away(self.offset_cols, cols), round_up(self.cols, cols), cols),
        ]


SimplePattern = Diagonal | MultiDiagonal | VerticalStripe | Window


@dataclass(frozen=True)
class Pattern:
    """kind says which; dense, skip and mean have no parts, union two or more, the others exactly one.

    order None: the compiler takes the order with the fewest cells.
    """

    kind: str
    parts: tuple[SimplePattern, ...] = ()
    order: TokenOrder | None = None

    def __post_init__(self) -> None:
        if self.kind not in PATTERN_NAMES:
            raise Error(f"pattern: unknown kind {self.kind!r}, not one of {', '.join(PATTERN_NAMES)}")


def keeps(pattern: Pattern, layout: TokenLayout, query: Tokens, key: Tokens) -> Mask:
    """The definition, bool [queries, keys]; query and key are raster tokens, prefix and suffix counted."""
    shape = len(query), len(key)
    if pattern.kind == "dense":
        return np.ones(shape, dtype=bool)
    if pattern.kind in ("skip", "mean"):
        return np.zeros(shape, dtype=bool)
    queries = Places(query[:, None] - layout.prefix, layout)
    keys = Places(key[None, :] - layout.prefix, layout)
    kept = np.zeros(shape, dtype=bool)
    found = np.zeros(queries.token.shape, dtype=bool)
    for part in pattern.parts:
        kept |= part.keeps(queries, keys, layout)
        found |= part.holds_any(queries, layout)
    if not found.all():
        for part in pattern.parts:
            kept |= ~found & part.keeps_lost(queries, keys, layout)
    for places in (queries, keys):
        kept |= (places.token < 0) | (places.token >= layout.grid_tokens)
    return kept
