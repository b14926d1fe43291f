# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Published rules and per-head results as patterns of a plan (dictionaries, as in its JSON)."""

import functools
import json
import math

import twill_vdit

DENSE = {"kind": "dense"}

# Sliding Tile Attention on HunyuanVideo: tiles of 6 x 8 x 8 latent tokens, 5 x 6 x 10 of them.
STA_TILE = (6, 8, 8)
STA_GRID = (5, 6, 10)

# Radial Attention never makes a band narrower than one of its blocks, 128 tokens; in its frames of 3,600 tokens
# (1280x720) that is this share, which smaller frames keep.
RADIAL_LEAST_SHARE = 128 / 3600


def rounded_down(value: float) -> float:
    """Six digits, never above `value`: a radius is rounded up to whole tokens and must not gain one."""
    return math.floor(value * 1e6) / 1e6


def sta_window(tiles: tuple[int, int, int]) -> dict:
    """The window of `tiles` around the query's tile as a window around the query: as many tokens across.

    STA shifts a window that would leave the clip; ours is clamped there, so it holds fewer keys at the borders.
    """
    radii = []
    for count, size, grid in zip(tiles, STA_TILE, STA_GRID, strict=True):
        radii.append(grid * size if count >= grid else count * size // 2)
    frames, rows, cols = radii
    sizes = [grid * size for grid, size in zip(STA_GRID, STA_TILE, strict=True)]
    return {
        "kind": "window",
        "frames": 1000 if frames >= sizes[0] else frames,
        "rows": rounded_down(min(1.0, rows / sizes[1])),
        "cols": rounded_down(min(1.0, cols / sizes[2])),
    }


def band(tokens: float, frames: int, rows: int, cols: int) -> dict:
    """A multi-diagonal with bands of `tokens` to either side, over `frames` frames either way."""
    whole_rows, rest = divmod(math.ceil(tokens), cols)
    if whole_rows >= rows:
        return {"kind": "multi_diagonal", "frames": frames, "rows": 1.0, "cols": 0.0}
    return {
        "kind": "multi_diagonal",
        "frames": frames,
        "rows": rounded_down(whole_rows / rows),
        "cols": rounded_down(rest / cols),
    }


def radial(layout: twill_vdit.TokenLayout, decay: float, near: float) -> dict:
    """Radial Attention's mask at a layout, for every head.

    The query's own frame and the first frame are kept whole; in a frame at distance d, keys within
    decay * 2^bits(tokens of a frame) / 2^bits(d) tokens of the query's place, at least RADIAL_LEAST_SHARE of the frame,
    with bits(n) the length of n in binary. `near`: share of the frame that distance 1 keeps at least (the authors: 1/2
    for Wan, 1 for Hunyuan).
    Left out: that from a distance on only every second, fourth ... frame is kept. And a band around the query's place
    runs on into the frames beside, where the authors' ends. So ours keeps more; radial_table.py says how much.
    """
    frame_tokens = layout.frame_tokens
    own_frames = 1 if near >= 1.0 else 0
    parts = [
        {"kind": "window", "frames": own_frames, "rows": 1.0, "cols": 1.0},
        {"kind": "vertical_stripe", "boxes": [{"frame_begin": 0, "frame_end": 1}]},
    ]
    reach, narrowest = 1, RADIAL_LEAST_SHARE * frame_tokens
    while True:
        width = max(narrowest, decay * 2 ** frame_tokens.bit_length() / 2 ** reach.bit_length())
        if reach == 1:
            width = max(width, near * frame_tokens)
        if own_frames < reach:
            parts.append(band(min(width, frame_tokens), reach, layout.rows, layout.cols))
        if reach >= layout.frames or width <= narrowest:
            parts[-1]["frames"] = 1000  # all the rest of the clip
            break
        reach = 2 * reach + 1
    return {"kind": "union", "parts": without_covered(parts)}


def both_svg_masks(layout: twill_vdit.TokenLayout, share: float) -> dict:
    """The union of the two masks that Sparse VideoGen chooses between for each head, each of about `share` of the keys.

    Spatial: the frames around the query's. Temporal: a band around the query's place in every frame. Whichever of the
    two SVG would take, this holds it.
    """
    frames = max(1, round((share * layout.frames - 1) / 2))
    temporal = band(share * layout.frame_tokens / 2, 1000, layout.rows, layout.cols)
    spatial = {"kind": "window", "frames": frames, "rows": 1.0, "cols": 1.0}
    first = {"kind": "vertical_stripe", "boxes": [{"frame_begin": 0, "frame_end": 1}]}
    return {"kind": "union", "parts": [spatial, first, temporal]}


def without_covered(parts: list[dict]) -> list[dict]:
    """Bands that a band of at least as many frames and the same width covers are left out."""
    kept: list[dict] = []
    for part in parts:
        if part["kind"] == "multi_diagonal":
            same = (part["rows"], part["cols"])
            kept = [p for p in kept if p["kind"] != "multi_diagonal" or (p["rows"], p["cols"]) != same]
        kept.append(part)
    return kept


def one_head_plan(pattern: str) -> str:
    """JSON of a plan of one head with that pattern."""
    plan = {
        "schema_version": "1.0",
        "name": "one head",
        "model": {
            "family": "one",
            "experts": ["default"],
            "stacks": [{"name": "blocks", "layers": 1, "heads": 1}],
            "head_dim": 64,
        },
        "patterns": [json.loads(pattern)],
        "segments": [{"t_begin": 0, "t_end": 1, "heads": {"default": {"blocks": [[0]]}}}],
    }
    return json.dumps(plan)


@functools.cache
def _density(pattern: str, layout: twill_vdit.TokenLayout) -> float:
    return twill_vdit.compile_plan(twill_vdit.parse_plan(one_head_plan(pattern)), layout).density(0)


def density(pattern: dict, layout: twill_vdit.TokenLayout) -> float:
    """Executed cells of one head over dense's."""
    return _density(json.dumps(pattern, sort_keys=True), layout)
