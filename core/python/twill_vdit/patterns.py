# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Which keys a query keeps.

Units: frames absolute; rows and columns as fractions of their axis, rounded up to whole tokens; radii inclusive and
clamped at the borders. Prefix and suffix tokens are always kept, both ways (skip and mean excepted).
"""

import math
from dataclasses import dataclass

import numpy as np

from twill_vdit.errors import Error
from twill_vdit.layout import TokenLayout, TokenOrder

# The order and spelling of kPatternNames in core/plan; a test compares them.
PATTERN_NAMES = ("dense", "skip", "mean", "diagonal", "multi_diagonal", "vertical_stripe", "window", "union")


# A product within this of a whole number is that number: 0.07 of 100 columns is 7 tokens, though 0.07 * 100 is
# 7.000000000000001. The value of core/plan's rounding.
WHOLE_TOKEN = 1e-6


def round_up(fraction: float, axis: int) -> int:
    return math.ceil(fraction * axis - WHOLE_TOKEN)


def round_down(fraction: float, axis: int) -> int:
    return math.floor(fraction * axis + WHOLE_TOKEN)


def round_away(fraction: float, axis: int) -> int:
    return -round_up(-fraction, axis) if fraction < 0 else round_up(fraction, axis)


class Places:
    """Raster grid tokens with their frame, row and column; arrays of one shape that broadcasts."""

    def __init__(self, token: np.ndarray, layout: TokenLayout) -> None:
        self.token = token
        self.frame, inside = np.divmod(token, layout.frame_tokens)
        self.row, self.col = np.divmod(inside, layout.cols)


@dataclass(frozen=True)
class Diagonal:
    """|i - j| <= ceil(reach * frame_tokens) in raster tokens; reach in frames."""

    reach: float

    def keeps(self, query: Places, key: Places, layout: TokenLayout) -> np.ndarray:
        return np.abs(query.token - key.token) <= round_up(self.reach, layout.frame_tokens)


@dataclass(frozen=True)
class MultiDiagonal:
    """A band of half width ceil(rows R) C + ceil(cols C) around i's place in each frame up to `frames` away."""

    frames: int
    rows: float
    cols: float

    def keeps(self, query: Places, key: Places, layout: TokenLayout) -> np.ndarray:
        half_width = round_up(self.rows, layout.rows) * layout.cols + round_up(self.cols, layout.cols)
        distance = key.token - query.token
        nearest = np.rint(distance / layout.frame_tokens).astype(np.int64)
        band = np.clip(nearest, -self.frames, self.frames)
        return np.abs(distance - band * layout.frame_tokens) <= half_width


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


@dataclass(frozen=True)
class VerticalStripe:
    """Key boxes that every query keeps."""

    boxes: tuple[KeyBox, ...]

    def keeps(self, query: Places, key: Places, layout: TokenLayout) -> np.ndarray:
        kept = np.zeros(np.broadcast_shapes(query.token.shape, key.token.shape), dtype=bool)
        for box in self.boxes:
            kept |= (
                (key.frame >= frame_in_clip(box.frame_begin, layout.frames))
                & (key.frame < frame_in_clip(box.frame_end, layout.frames))
                & (key.row >= round_down(box.row_begin, layout.rows))
                & (key.row < round_up(box.row_end, layout.rows))
                & (key.col >= round_down(box.col_begin, layout.cols))
                & (key.col < round_up(box.col_end, layout.cols))
            )
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

    def keeps(self, query: Places, key: Places, layout: TokenLayout) -> np.ndarray:
        frame = query.frame + self.offset_frames
        row = query.row + round_away(self.offset_rows, layout.rows)
        col = query.col + round_away(self.offset_cols, layout.cols)
        return (
            (np.abs(key.frame - frame) <= self.frames)
            & (np.abs(key.row - row) <= round_up(self.rows, layout.rows))
            & (np.abs(key.col - col) <= round_up(self.cols, layout.cols))
        )


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


def keeps(pattern: Pattern, layout: TokenLayout, query: np.ndarray, key: np.ndarray) -> np.ndarray:
    """The definition, bool [queries, keys]; query and key are raster tokens, prefix and suffix counted."""
    shape = len(query), len(key)
    if pattern.kind == "dense":
        return np.ones(shape, dtype=bool)
    if pattern.kind in ("skip", "mean"):
        return np.zeros(shape, dtype=bool)
    queries = Places(query[:, None] - layout.prefix, layout)
    keys = Places(key[None, :] - layout.prefix, layout)
    kept = np.zeros(shape, dtype=bool)
    for part in pattern.parts:
        kept |= part.keeps(queries, keys, layout)
    for places in (queries, keys):
        kept |= (places.token < 0) | (places.token >= layout.grid_tokens)
    return kept
