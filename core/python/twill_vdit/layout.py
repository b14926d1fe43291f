# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Where tokens stand: prefix tokens, a frames x rows x cols grid in raster order (t, h, w), suffix tokens."""

import operator
from dataclasses import dataclass, fields
from typing import SupportsIndex

import numpy as np

from twill_vdit.errors import Error, require

MOST_TOKENS = 1 << 24


def as_whole(value: object) -> int | None:
    """An int, numpy's and torch's included, as Python's own; None for what is none."""
    if not isinstance(value, SupportsIndex):
        return None
    try:
        return int(operator.index(value))
    except TypeError:  # an array or tensor of several numbers, or of another kind
        return None


@dataclass(frozen=True, kw_only=True)
class TokenLayout:
    """Where the tokens of one attention call stand.

    Attributes:
        frames: of tokens, at least 1, as are rows and cols.
        rows: of tokens in a frame.
        cols: of tokens in a row.
        prefix: tokens in front of the grid.
        suffix: tokens behind it.

    Raises:
        Error: a size is no whole number, or there are more than 2^24 tokens.
    """

    frames: int
    rows: int
    cols: int
    prefix: int = 0
    suffix: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, least = getattr(self, field.name), 0 if field.name in ("prefix", "suffix") else 1
            whole = as_whole(value)
            if whole is None or whole < least:
                raise Error(f"layout: {field.name} {value!r} is not a whole number of at least {least}")
            object.__setattr__(self, field.name, whole)
        require(self.tokens <= MOST_TOKENS, f"layout: {self.tokens} tokens are more than {MOST_TOKENS}")

    @property
    def frame_tokens(self) -> int:
        """Tokens of one frame."""
        return self.rows * self.cols

    @property
    def grid_tokens(self) -> int:
        """Tokens of the clip, without those in front and behind."""
        return self.frames * self.rows * self.cols

    @property
    def tokens(self) -> int:
        """All tokens of a call."""
        return self.prefix + self.grid_tokens + self.suffix

    def as_tuple(self) -> tuple[int, int, int, int, int]:
        """(prefix, frames, rows, cols, suffix), as the binary module takes it."""
        return self.prefix, self.frames, self.rows, self.cols, self.suffix


@dataclass(frozen=True)
class TokenOrder:
    """A permutation of the grid tokens; prefix tokens stay in front and suffix tokens behind.

    Attributes:
        kind: "raster" (t, h, w), "time_fastest" (h, w, t) or "tiles" (3-D tiles in raster order, raster inside a tile;
            tiles at the edges are smaller).
        frames: of a tile, as are rows and cols.
        rows: of a tile.
        cols: of a tile.
    """

    kind: str = "raster"
    frames: int = 1
    rows: int = 1
    cols: int = 1

    def position_to_token(self, layout: TokenLayout) -> np.ndarray:
        """Position -> token, int64 [tokens]."""
        grid = np.arange(layout.grid_tokens).reshape(layout.frames, layout.rows, layout.cols)
        if self.kind == "raster":
            order = grid.ravel()
        elif self.kind == "time_fastest":
            order = grid.transpose(1, 2, 0).ravel()
        else:
            order = np.concatenate(
                [
                    grid[f : f + self.frames, r : r + self.rows, c : c + self.cols].ravel()
                    for f in range(0, layout.frames, self.frames)
                    for r in range(0, layout.rows, self.rows)
                    for c in range(0, layout.cols, self.cols)
                ]
            )
        text_begin = layout.prefix + layout.grid_tokens
        return np.concatenate([np.arange(layout.prefix), order + layout.prefix, np.arange(text_begin, layout.tokens)])
