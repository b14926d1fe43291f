# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The definitions by loops over whole numbers and fractions; shares no code with the package."""

import functools
from fractions import Fraction
from math import ceil, floor

import numpy as np

QUERY_TILE, KEY_TILE = 128, 64


def tokens_of(fraction, axis):
    return ceil(Fraction(str(fraction)) * axis)


def away(fraction, axis):
    size = tokens_of(abs(fraction), axis)
    return size if fraction >= 0 else -size


def nearest(place, count):
    """Of 0 to count - 1."""
    return min(range(count), key=lambda at: abs(at - place))


def part_keeps(part, layout, lost=False):
    """A function of two grid tokens, each (frame, row, col, raster number). lost: of a query that finds no key."""
    rows, cols = layout.rows, layout.cols
    match type(part).__name__:
        case "Diagonal":
            reach = tokens_of(part.reach, rows * cols)
            return lambda query, key: abs(query[3] - key[3]) <= reach
        case "MultiDiagonal":
            width = tokens_of(part.rows, rows) * cols + tokens_of(part.cols, cols)
            far = min(part.frames, layout.frames)
            steps = [d * rows * cols for d in range(-far, far + 1)]
            return lambda query, key: any(abs(key[3] - (query[3] + step)) <= width for step in steps)
        case "VerticalStripe":

            def frames(box):
                begin, end = (at if at >= 0 else layout.frames + at for at in (box.frame_begin, box.frame_end))
                inside = [frame for frame in range(layout.frames) if begin <= frame < end]
                return inside or [nearest(begin, layout.frames)] * lost

            boxes = [
                (
                    frames(box),
                    range(floor(Fraction(str(box.row_begin)) * rows), tokens_of(box.row_end, rows)),
                    range(floor(Fraction(str(box.col_begin)) * cols), tokens_of(box.col_end, cols)),
                )
                for box in part.boxes
            ]
            return lambda query, key: any(key[0] in f and key[1] in r and key[2] in c for f, r, c in boxes)
        case "Window":
            radii = part.frames, tokens_of(part.rows, rows), tokens_of(part.cols, cols)
            offsets = part.offset_frames, away(part.offset_rows, rows), away(part.offset_cols, cols)
            offsets = (0, 0, 0) if lost else offsets
            return lambda query, key: all(
                abs(key[axis] - (query[axis] + offsets[axis])) <= radii[axis] for axis in range(3)
            )
    raise AssertionError(part)


@functools.cache
def keep_matrix(pattern, layout):
    """bool [tokens, tokens]: does the query of this row keep the key of this column."""
    if pattern.kind in ("dense", "skip", "mean"):
        return np.full((layout.tokens, layout.tokens), pattern.kind == "dense")
    parts, of_lost = ([part_keeps(part, layout, lost) for part in pattern.parts] for lost in (False, True))
    places = []
    for token in range(layout.tokens):
        grid = token - layout.prefix
        frame, inside = divmod(grid, layout.rows * layout.cols)
        inside_grid = 0 <= grid < layout.frames * layout.rows * layout.cols
        places.append((frame, *divmod(inside, layout.cols), grid) if inside_grid else None)
    grid = [place for place in places if place is not None]

    def row(query):
        if query is None:
            return [True] * len(places)
        finds = any(keeps(query, key) for keeps in parts for key in grid)
        return [key is None or any(keeps(query, key) for keeps in (parts if finds else of_lost)) for key in places]

    return np.array([row(query) for query in places])


def order_of(order, layout):
    """Position -> token by sorting the grid tokens."""

    def place(token):
        frame, inside = divmod(token - layout.prefix, layout.rows * layout.cols)
        row, col = divmod(inside, layout.cols)
        if order.kind == "time_fastest":
            return (row, col, frame)
        if order.kind == "tiles":
            return (frame // order.frames, row // order.rows, col // order.cols, frame, row, col)
        return (frame, row, col)

    grid_end = layout.prefix + layout.frames * layout.rows * layout.cols
    grid = sorted(range(layout.prefix, grid_end), key=place)
    return [*range(layout.prefix), *grid, *range(grid_end, layout.tokens)]


def tile_matrix(kept, positions):
    """bool [query tiles, key tiles] from the matrix of kept pairs of tokens."""
    query_tiles, key_tiles = -(-len(positions) // QUERY_TILE), -(-len(positions) // KEY_TILE)
    touched = np.zeros((query_tiles, key_tiles), dtype=bool)
    for query, key in zip(*np.nonzero(kept[np.ix_(positions, positions)]), strict=True):
        touched[query // QUERY_TILE, key // KEY_TILE] = True
    return touched


def tile_mask(touched, positions):
    """bool [tokens, tokens] in raster: the pairs that are computed when a touched tile is computed whole."""
    place = np.empty(len(positions), dtype=int)
    place[positions] = np.arange(len(positions))
    return touched[place[:, None] // QUERY_TILE, place[None, :] // KEY_TILE]


@functools.cache
def computed_mask(pattern, layout, order):
    """bool [tokens, tokens]: the pairs that attention computes, whole tiles of what the pattern touches."""
    kept = keep_matrix(pattern, layout)
    if pattern.kind in ("dense", "skip"):
        return kept
    positions = order_of(order, layout)
    return tile_mask(tile_matrix(kept, positions), positions)


def tiles_of_runs(tiles, layout):
    """The matrix that a list's runs describe; runs must be sorted and neither overlap nor touch."""
    query_tiles, key_tiles = -(-layout.tokens // QUERY_TILE), -(-layout.tokens // KEY_TILE)
    touched = np.zeros((query_tiles, key_tiles), dtype=bool)
    assert len(tiles.run_begin) == query_tiles + 1
    for row in range(query_tiles):
        end_before = -1
        for first, count in tiles.runs[tiles.run_begin[row] : tiles.run_begin[row + 1]]:
            assert first > end_before, "runs overlap, touch or are not sorted"
            assert count > 0
            assert first + count <= key_tiles
            touched[row, first : first + count] = True
            end_before = first + count
    return touched
