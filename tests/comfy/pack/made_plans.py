# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plans in which every layer and head differs, and attention by them without the pack."""

import json
import random

import torch
from twill_pack.twill_nodes import plan_store

import twill_vdit
from twill_vdit import search
from twill_vdit.plan import ModelShape, StackShape

PATTERNS = [
    {"kind": "dense"},
    {"kind": "mean"},
    {"kind": "skip"},
    {"kind": "window", "frames": 0, "rows": 1, "cols": 1},
    {"kind": "window", "frames": 1, "rows": 0.2, "cols": 0.3},
    {"kind": "diagonal", "reach": 0.4},
    {"kind": "multi_diagonal", "frames": 2, "rows": 0, "cols": 0.2},
    {"kind": "vertical_stripe", "boxes": [{"frame_begin": 0, "frame_end": 1}]},
    {"kind": "window", "frames": 0, "rows": 0.2, "cols": 0.2, "offset_frames": -1},
]
BOUNDARY = 0.93  # t between the two segments


def plan_for(case, seed: int = 1, experts: tuple[str, ...] = ("default",), dense: bool = False):
    draw = random.Random(seed)
    names = [f"stack_{i}" for i in range(len(case.stacks))]

    def heads() -> dict:
        return {
            expert: {
                name: [[draw.randrange(len(PATTERNS)) for _ in range(heads)] for _ in range(layers)]
                for name, (layers, heads) in zip(names, case.stacks, strict=True)
            }
            for expert in experts
        }

    segments = [
        {"t_begin": 0, "t_end": BOUNDARY, "heads": heads()},
        {"t_begin": BOUNDARY, "t_end": 1, "heads": heads()},
    ]
    if dense:
        segments = [{"t_begin": 0, "t_end": 1, "dense": True}]
    text = {
        "schema_version": "1.0",
        "name": "made",
        "model": {
            "family": case.family,
            "experts": list(experts),
            "stacks": [
                {"name": name, "layers": layers, "heads": count}
                for name, (layers, count) in zip(names, case.stacks, strict=True)
            ],
            "head_dim": case.head_dim,
        },
        "patterns": PATTERNS,
        "segments": segments,
    }
    return plan_store.from_plan(twill_vdit.parse_plan(json.dumps(text)), "made")


def plan_with_profile(case, grid: tuple[int, int, int], density: float = 0.5):
    """A plan that was searched at `grid`, on heads whose errors are made up."""
    names = tuple(f"stack_{i}" for i in range(len(case.stacks)))
    stacks = tuple(StackShape(name, layers, heads) for name, (layers, heads) in zip(names, case.stacks, strict=True))
    frames, rows, cols = grid
    layout = twill_vdit.TokenLayout(frames=frames, rows=rows, cols=cols, prefix=case.prefix, suffix=case.suffix)
    times = [0.97, 0.6]
    profiler = search.Profiler(
        ModelShape(case.family, ("default",), stacks, case.head_dim), layout, t=times, prompts=["made up"], rows=16
    )
    generator = torch.Generator().manual_seed(4)
    for t_index in range(len(times)):
        for stack, (layers, heads) in enumerate(case.stacks):
            for layer in range(layers):
                q, k, v = (torch.randn(1, heads, layout.tokens, case.head_dim, generator=generator) for _ in range(3))
                gain = torch.rand(heads, generator=generator).tolist()
                profiler.observe(2 * q, 2 * k, v, gain, t_index=t_index, layer=layer, stack=stack)
        profiler.finish_unit(t_index)
    plan = search.solve(profiler.finish(), times, density=density, name="made", attach_profile=True).plan
    return plan_store.from_plan(plan, "made")


class OracleOverride:
    """Attention by a plan that finds its place by counting self-attention calls, and its layout in the case.

    It shares neither hooks nor layouts with the pack; attention is plain torch.
    """

    def __init__(self, case, plan, expert: int = 0, grids: tuple[tuple[int, int, int], ...] = ()) -> None:
        """grids: where a run has several; the number of tokens tells them apart."""
        self.plan = plan
        self.compiled = {}
        for frames, rows, cols in grids or (case.grid,):
            layout = twill_vdit.TokenLayout(frames=frames, rows=rows, cols=cols, prefix=case.prefix, suffix=case.suffix)
            self.compiled[layout.tokens] = twill_vdit.compile_plan(plan, layout, backend="eager")
        self.expert = expert
        self.order = [(s, i) for s, (layers, _) in enumerate(case.stacks) for i in range(layers)]
        if case.interleaved:
            next_of = [iter(range(layers)) for layers, _ in case.stacks]
            self.order = [(stack, next(next_of[stack])) for stack in case.interleaved]
        self.segments: list[int] = []  # of each forward, told by `forward_at`
        self.calls = 0

    def forward_at(self, t: float) -> None:
        self.segment = self.plan.segment_at(t)
        self.segments.append(self.segment)
        self.place = iter(self.order)

    def __call__(self, func, q, k, v, *args, **kwargs):
        heads = args[0] if args else kwargs["heads"]
        apart = kwargs.get("skip_reshape", False)
        inside = [x if apart else x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v)]
        compiled = self.compiled.get(inside[0].shape[2])
        if compiled is None or inside[0].shape != inside[1].shape:
            return func(q, k, v, *args, **kwargs)
        stack, layer = next(self.place)
        self.calls += 1
        out = twill_vdit.sparse_attention(
            *inside, compiled, layer=layer, stack=stack, segment=self.segment, expert=self.expert
        )
        return out if kwargs.get("skip_output_reshape") else out.transpose(1, 2).flatten(2)


def with_oracle(model, oracle: OracleOverride, t_of_sigma):
    """A clone of the model that attends by the oracle. t_of_sigma: number -> t, written out by the test."""
    from comfy.patcher_extension import WrappersMP

    clone = model.clone()
    clone.model_options.setdefault("transformer_options", {})["optimized_attention_override"] = oracle

    def tell(executor, x, t, *args, **kwargs):
        oracle.forward_at(t_of_sigma(float(t.max())))
        return executor(x, t, *args, **kwargs)

    clone.add_wrapper_with_key(WrappersMP.APPLY_MODEL, "oracle", tell)
    return clone


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).norm() / b.norm()).item()
