# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plan + layout -> the tables that attention reads."""

import itertools
import weakref
from collections.abc import Sequence

from twill_vdit.errors import Error, require
from twill_vdit.layout import TokenLayout
from twill_vdit.native import binary
from twill_vdit.plan import Plan
from twill_vdit.tile_lists import TileList, compile_pattern, dense_tiles

_handles = itertools.count(1)
_compiled_plans: weakref.WeakValueDictionary = weakref.WeakValueDictionary()


def compiled_plan_of(handle: int) -> "CompiledPlan":
    """The operator's arguments must be plain values, so a compiled plan travels as its handle."""
    compiled = _compiled_plans.get(handle)
    if compiled is None:
        raise Error(f"no compiled plan has the handle {handle} any more; it must outlive the calls that use it")
    return compiled


class CompiledPlan:
    """A plan's tile lists at one token layout. Made once; running reads it only."""

    def __init__(self, plan: Plan, layout: TokenLayout, backend: str = "auto") -> None:
        self.plan = plan
        self.backend = backend
        self.layout = layout
        self.native = None if plan.native is None else binary.CompiledPlan(plan.native, layout.as_tuple())
        self.handle = next(_handles)
        self._tile_lists: dict[int, TileList] = {}
        self.on_devices: dict[object, object] = {}  # torch.device -> cuda.DevicePlan, filled by cuda.py
        self.places: dict[object, tuple[int, int]] = {}  # torch.device -> (segment, expert) of set_time
        _compiled_plans[self.handle] = self

    def heads_of_stack(self, stack: int) -> int:
        self.plan.model.head_index(stack, 0)
        return self.plan.model.stacks[stack].heads

    def segment_at(self, t: float) -> int:
        return self.plan.segment_at(t)

    def set_time(self, t: float, *, expert: int = 0, device: object = "cpu") -> None:
        """Says what calls that name no t compute on `device` from now on.

        Once per forward, before it: outside of compiled code and captured CUDA graphs, on the stream that runs them.
        Their replays follow. Each device has its own time, so one plan may serve several devices from several threads.
        """
        from twill_vdit.attention import set_time

        set_time(self, t, expert, device)

    def tasks(self, segment: int, expert: int, stack: int, layer: int) -> list[tuple[str, int]]:
        """(mode, list) of each head of a layer; mode is dense, sparse, skip or mean; list is -1 unless sparse."""
        first, heads = self.plan.model.head_index(stack, layer), self.heads_of_stack(stack)
        require(0 <= segment < len(self.plan.segments), f"segment {segment} is not one of {len(self.plan.segments)}")
        require(0 <= expert < len(self.plan.model.experts), f"expert {expert} is not one of the model's", "model")
        if self.native is not None:
            return self.native.tasks(segment, expert, stack, layer)
        table = self.plan.segments[segment]
        if table.dense:
            return [("dense", -1)] * heads
        return [self._task(index) for index in table.heads[expert][first : first + heads]]

    def _task(self, index: int) -> tuple[str, int]:
        kind = self.plan.patterns[index].kind
        return (kind, -1) if kind in ("dense", "skip", "mean") else ("sparse", index)

    def tile_list(self, index: int) -> TileList:
        if index not in self._tile_lists:
            if self.native is not None:
                self._tile_lists[index] = TileList(*self.native.tile_list(index))
            else:
                self._tile_lists[index] = compile_pattern(self.plan.patterns[index], self.layout)
        return self._tile_lists[index]

    def density(self, segment: int, expert: int = 0) -> float:
        """Executed cells of one forward in a segment, over dense's."""
        if self.native is not None:
            return self.native.density(segment, expert)
        shapes = self.plan.model.stacks
        tasks = [
            task
            for stack, shape in enumerate(shapes)
            for layer in range(shape.layers)
            for task in self.tasks(segment, expert, stack, layer)
        ]
        dense = dense_tiles(self.layout)
        tiles = {"dense": dense, "skip": 0, "mean": 0}
        return sum(self.tile_list(i).tiles if mode == "sparse" else tiles[mode] for mode, i in tasks) / (
            dense * len(tasks)
        )

    def run_density(self, t: Sequence[float], expert_at: Sequence[int] = ()) -> float:
        """Mean over the forwards at `t`, with their experts (none given: all 0).

        Never quote it without layout, scheduler, shift and steps.
        """
        experts = list(expert_at) or [0] * len(t)
        require(len(t) > 0 and len(experts) == len(t), f"run_density: {len(t)} times and {len(experts)} experts")
        return sum(self.density(self.segment_at(x), expert) for x, expert in zip(t, experts, strict=True)) / len(t)


def compile_plan(plan: Plan, layout: TokenLayout, backend: str = "auto") -> CompiledPlan:
    """backend: "auto", or the one form of attention that may run (backends.BACKEND_NAMES)."""
    return CompiledPlan(plan, layout, backend)
