# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of plans: [1, height, width, 3] in 0..1, as ComfyUI's IMAGE."""

import functools

import numpy as np
import torch

from . import wheel
from .plan_store import LoadedPlan

# Those of `twill plan show` (tests/data/colours.json): Okabe and Ito's, which colour-blind people can tell apart.
COLOURS = {
    "dense": (225, 225, 225),
    "skip": (90, 90, 90),
    "mean": (204, 121, 167),
    "diagonal": (86, 180, 233),
    "multi_diagonal": (0, 158, 115),
    "vertical_stripe": (213, 94, 0),
    "window": (240, 228, 66),
    "union": (0, 114, 178),
}
BACKGROUND = (24, 24, 28)
FRAME, GAP = 4, 6  # pixels
# Where patterns are drawn: small enough to be quick, large enough for their shapes.
SHOWN_FRAMES, SHOWN_ROWS, SHOWN_COLS, SHOWN_BLOCK = 6, 8, 8, 8


def heat(values: np.ndarray) -> np.ndarray:
    """0..1 -> uint8 [..., 3]: black over red and yellow to white, brightness grows with the value."""
    blue = 0.16 + 0.5 * values**2 + 2.2 * (values - 0.75)
    colour = np.stack([1.6 * values, 1.9 * values - 0.55, blue], -1)
    return np.floor(255 * np.clip(colour, 0, 1) + 0.5).astype(np.uint8)


@functools.lru_cache(maxsize=256)
def kept(pattern) -> np.ndarray:
    """Share of the keys that a pattern keeps, block by block, brightened, 0..1 [blocks, blocks], on a small clip."""
    package = wheel.package()
    layout = package.TokenLayout(frames=SHOWN_FRAMES, rows=SHOWN_ROWS, cols=SHOWN_COLS)
    tokens = np.arange(layout.tokens)
    mask = package.keeps(pattern, layout, tokens, tokens).astype(np.float32)
    blocks = layout.tokens // SHOWN_BLOCK
    return np.sqrt(mask.reshape(blocks, SHOWN_BLOCK, blocks, SHOWN_BLOCK).mean((1, 3)))


def _kinds(plan, segment: int, expert: int) -> list:
    table = plan.segments[segment]
    if table.dense:
        return [wheel.package().Pattern("dense")] * plan.model.heads_total
    return [plan.patterns[index] for index in table.heads[expert]]


def _enlarged(values: np.ndarray, side: int) -> np.ndarray:
    index = np.arange(side) * values.shape[0] // side
    return values[index][:, index]


def draw(tiles: list[np.ndarray], colours: list, shape: list[tuple[int, int]], side: int) -> np.ndarray:
    """tiles: one square of 0..1 per head; shape: (layers, heads) per stack. uint8 [height, width, 3]."""
    step = side + 2 * FRAME + GAP
    rows, cols = sum(layers for layers, _ in shape), max(heads for _, heads in shape)
    picture = np.full((rows * step + GAP, cols * step + GAP, 3), BACKGROUND, dtype=np.uint8)
    places = []
    row = 0
    for layers, heads in shape:
        places += [(row + layer, head) for layer in range(layers) for head in range(heads)]
        row += layers
    for (row, col), tile, colour in zip(places, tiles, colours, strict=True):
        top, left = GAP + row * step, GAP + col * step
        picture[top : top + side + 2 * FRAME, left : left + side + 2 * FRAME] = colour
        inner = heat(_enlarged(tile, side))
        picture[top + FRAME : top + FRAME + side, left + FRAME : left + FRAME + side] = inner
    return picture


def as_image(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture.astype(np.float32) / 255.0)[None]


def _maps(loaded: LoadedPlan, expert: int) -> np.ndarray | None:
    """Attention maps of an expert, 0..1 [heads, size, size], brightened; None without a profile."""
    profile = loaded.profile()
    maps = None if profile is None else profile.maps
    if maps is None:
        return None
    heads = loaded.plan.model.heads_total
    return np.sqrt(maps[expert * heads : (expert + 1) * heads].astype(np.float32) / 255.0)


def heads_map(loaded: LoadedPlan, segment: int, expert: int = 0) -> torch.Tensor:
    """Measured maps where the plan carries a profile, else what it keeps; frames are the colours of the patterns."""
    patterns = _kinds(loaded.plan, segment, expert)
    maps = _maps(loaded, expert)
    tiles = [kept(pattern) for pattern in patterns] if maps is None else list(maps)
    shape = [(stack.layers, stack.heads) for stack in loaded.plan.model.stacks]
    side = 52 if max(heads for _, heads in shape) <= 16 else 26
    return as_image(draw(tiles, [COLOURS[p.kind] for p in patterns], shape, side))


def one_head(loaded: LoadedPlan, segment: int, index: int, expert: int = 0) -> torch.Tensor:
    """Left the measured map, if there is one; right what the plan keeps."""
    pattern = _kinds(loaded.plan, segment, expert)[index]
    maps = _maps(loaded, expert)
    tiles = [kept(pattern)] if maps is None else [maps[index], kept(pattern)]
    return as_image(draw(tiles, [COLOURS[pattern.kind]] * len(tiles), [(1, len(tiles))], 416))


def live_map(maps: np.ndarray, shape: list[tuple[int, int]]) -> np.ndarray:
    """Maps as measured so far (rows sum to 1), drawn without frames' colours; uint8 [height, width, 3]."""
    scaled = np.sqrt(maps / np.maximum(maps.max(2, keepdims=True), 1e-12))
    return draw(list(scaled), [BACKGROUND] * len(scaled), shape, 39)
