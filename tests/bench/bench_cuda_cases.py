# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The lists that bench_cuda.py measures."""

import json
from dataclasses import dataclass, field

import numpy as np

import twill_vdit
from twill_vdit import native

QUERY_TILE, KEY_TILE = 128, 64
LAYOUTS = {
    "hunyuan-720p": twill_vdit.TokenLayout(frames=33, rows=45, cols=80, suffix=256),
    "wan-14b-720p": twill_vdit.TokenLayout(frames=21, rows=45, cols=80),
}
PATTERN_DENSITY = 0.2


def tiles_of(tokens):
    return -(-tokens // QUERY_TILE), -(-tokens // KEY_TILE)


@dataclass
class Case:
    name: str
    tokens: int
    lists: list
    tasks: list  # (mode, list) per head
    gathered: int = 0
    cells: int = field(init=False)
    density: float = field(init=False)

    def __post_init__(self):
        query_tiles, key_tiles = tiles_of(self.tokens)
        cost = [int(runs[:, 1].sum()) for runs, _, _ in self.lists]
        each = {"dense": query_tiles * key_tiles, "skip": 0, "mean": 0}
        self.cells = sum(cost[i] if mode == "sparse" else each[mode] for mode, i in self.tasks)
        self.density = self.cells / (query_tiles * key_tiles * len(self.tasks))
        self.gathered = sum(mode == "sparse" and self.lists[i][2] is not None for mode, i in self.tasks)
        self.tables = native.binary.CudaTables.of_lists(self.tokens, self.lists, [[self.tasks]])

    def keys_of(self, head, row):
        """The keys of a query, or None for a head without any."""
        mode, index = self.tasks[head]
        if mode != "sparse":
            return np.arange(self.tokens) if mode == "dense" else None
        runs, run_begin, positions = self.lists[index]
        tile = (row if positions is None else int(np.flatnonzero(positions == row)[0])) // QUERY_TILE
        kept = runs[run_begin[tile] : run_begin[tile + 1]]
        keys = np.concatenate([np.arange(f * KEY_TILE, min((f + c) * KEY_TILE, self.tokens)) for f, c in kept])
        return keys if positions is None else positions[keys]


def list_of_mask(mask):
    """(runs, run_begin, None) of a [query_tiles, key_tiles] mask."""
    edge = np.zeros((mask.shape[0], 1), np.int8)
    steps = np.diff(np.concatenate([edge, mask.astype(np.int8), edge], axis=1), axis=1)
    tile, first = np.nonzero(steps == 1)
    end = np.nonzero(steps == -1)[1]
    run_begin = np.concatenate([[0], np.cumsum(np.bincount(tile, minlength=mask.shape[0]))])
    return np.stack([first, end - first], axis=1).astype(np.int32), run_begin.astype(np.int32), None


def band(tokens, density):
    query_tiles, key_tiles = tiles_of(tokens)
    distance = np.abs(np.arange(query_tiles)[:, None] * 2 + 0.5 - np.arange(key_tiles)[None])
    return list_of_mask(distance <= np.quantile(distance, density))


def random_tiles(tokens, density):
    query_tiles, key_tiles = tiles_of(tokens)
    return list_of_mask(np.random.default_rng(0).random((query_tiles, key_tiles)) < density)


def lists_of_patterns(patterns, layout):
    """((mode, list) of each pattern, lists, density): one plan with a head for each."""
    plan = {
        "schema_version": "1.0",
        "name": "bench",
        "model": {
            "family": "hunyuan-video",
            "experts": ["default"],
            "stacks": [{"name": "blocks", "layers": 1, "heads": len(patterns)}],
            "head_dim": 128,
        },
        "patterns": patterns,
        "segments": [{"t_begin": 0, "t_end": 1, "heads": {"default": {"blocks": [list(range(len(patterns)))]}}}],
        "provenance": {"source": "tests/bench"},
    }
    compiled = twill_vdit.compile_plan(twill_vdit.parse_plan(json.dumps(plan), "bench"), layout)
    tasks = compiled.tasks(0, 0, 0, 0)
    used = sorted({index for mode, index in tasks if mode == "sparse"})
    lists = []
    for index in used:
        made = compiled.tile_list(index)
        lists.append((made.runs, made.run_begin, made.position_to_token))
    renumbered = [(mode, used.index(index) if mode == "sparse" else -1) for mode, index in tasks]
    return renumbered, lists, compiled.density(0)


def pattern_at_density(kind, layout):
    """The pattern whose density is nearest to PATTERN_DENSITY among those that a bisection of its width meets."""
    low, high = 0.0, 1.0
    met = []
    for _ in range(12):
        share = (low + high) / 2
        if kind == "multi_diagonal":
            rows, cols = divmod(round(share * layout.frame_tokens / 2), layout.cols)
            pattern = {"kind": kind, "frames": 1000, "rows": rows / layout.rows, "cols": cols / layout.cols}
        else:
            pattern = {"kind": kind, "frames": layout.frames // 2, "rows": share, "cols": share}
        density = lists_of_patterns([pattern], layout)[2]
        met.append((abs(density - PATTERN_DENSITY), share, pattern))
        low, high = (share, high) if density < PATTERN_DENSITY else (low, share)
    return min(met, key=lambda item: item[:2])[2]


def mixed(tokens):
    densities = np.random.default_rng(1).uniform(0.05, 0.5, 15)
    tasks = [("dense", -1)] * 2 + [("skip", -1)] * 4 + [("mean", -1)] * 3 + [("sparse", i) for i in range(15)]
    order = np.random.default_rng(2).permutation(len(tasks))
    return Case("mixed", tokens, [band(tokens, d) for d in densities], [tasks[i] for i in order])


def make(name, shape, heads, tokens):
    if name == "mixed":
        return mixed(tokens)
    if name == "dense":
        return Case(name, tokens, [], [("dense", -1)] * heads)
    kind, _, density = name.partition(" ")
    if kind in ("band", "random"):
        made = (band if kind == "band" else random_tiles)(tokens, float(density))
        return Case(name, tokens, [made], [("sparse", 0)] * heads)
    tasks, lists, _ = lists_of_patterns([pattern_at_density(kind, LAYOUTS[shape])], LAYOUTS[shape])
    return Case(name, tokens, lists, tasks * heads)


def candidates(shape, count):
    """((mode, list) of `count` candidates, their lists): every kind and default order, densities 0.02 to 0.6."""
    layout = LAYOUTS[shape]
    patterns = [{"kind": "dense"}, {"kind": "skip"}, {"kind": "mean"}]
    orders = ["raster", "time_fastest", "tiles 4x4x4", "tiles 2x8x8", "tiles 4x4x8"]
    shares = np.linspace(0.05, 0.5, count)
    for i in range(count - len(patterns)):
        share = float(shares[i])
        made = [
            {"kind": "diagonal", "reach": share * layout.frames / 2},
            {"kind": "multi_diagonal", "frames": 1000, "rows": share / 4, "cols": share / 2},
            {"kind": "window", "frames": max(1, round(share * layout.frames)), "rows": share, "cols": share},
        ][i % 3]
        patterns.append({**made, "order": orders[i % len(orders)]})
    tasks, lists, _ = lists_of_patterns(patterns, layout)
    return tasks, lists
