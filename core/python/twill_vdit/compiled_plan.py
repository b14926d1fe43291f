# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Plan + layout -> the tables that attention reads."""

import itertools
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

from twill_vdit.errors import Error, require
from twill_vdit.layout import TokenLayout
from twill_vdit.native import binary
from twill_vdit.plan import Plan, check_t
from twill_vdit.tile_lists import TileList, compile_pattern, dense_tiles

if TYPE_CHECKING:
    import torch

    from twill_vdit import _twill
    from twill_vdit.cuda import DevicePlan
    from twill_vdit.runtime_kernels.launching import DeviceWords

_handles = itertools.count(1)
_compiled_plans: "weakref.WeakValueDictionary[int, CompiledPlan]" = weakref.WeakValueDictionary()


def compiled_plan_of(handle: int) -> "CompiledPlan":
    """The operator's arguments must be plain values, so a compiled plan travels as its handle."""
    compiled = _compiled_plans.get(handle)
    if compiled is None:
        raise Error(f"no compiled plan has the handle {handle} any more; it must outlive the calls that use it")
    return compiled


class CompiledPlan:
    """A plan's tile lists at one token layout. Made once; running reads it only.

    A copy, and one in another process, is compiled anew from the plan's JSON; what set_time said is not carried.

    Attributes:
        plan: what was compiled.
        layout: where.
        backend: "auto", or the one form of attention that may run.
        native: the binary module's tables; None without it.
        handle: of the operator's argument.
        int8_heads: that the plan wants in INT8, over all its segments.
    """

    def __init__(self, plan: Plan, layout: TokenLayout, backend: str = "auto") -> None:
        self.plan = plan
        self.backend = backend
        self.layout = layout
        self.native = None if plan.native is None else binary.CompiledPlan(plan.native, layout.as_tuple())
        self.handle = next(_handles)
        self.int8_heads, _ = plan.precision_counts()
        self._tile_lists: dict[int, TileList] = {}
        # By device and whether heads in INT8 are wanted so.
        self.on_devices: dict[tuple[torch.device, bool], DevicePlan] = {}  # filled by cuda.py
        self.words_on_devices: dict[tuple[torch.device, bool], DeviceWords] = {}  # filled by runtime_kernels
        self.places: dict[torch.device, tuple[int, int]] = {}  # (segment, expert) of set_time
        _compiled_plans[self.handle] = self

    def __reduce__(self) -> "tuple[type[CompiledPlan], tuple[Plan, TokenLayout, str]]":
        return CompiledPlan, (self.plan, self.layout, self.backend)

    def tables(self) -> "_twill.CompiledPlan":
        """The binary module's; asked for by its kernels, which run only where they are."""
        if self.native is None:
            raise ValueError("a plan that was compiled without the binary module was to run on its kernels")
        return self.native

    def heads_of_stack(self, stack: int) -> int:
        """Heads of each layer of a stack."""
        self.plan.model.head_index(stack, 0)
        return self.plan.model.stacks[stack].heads

    def segment_at(self, t: float) -> int:
        """As Plan.segment_at."""
        return self.plan.segment_at(t)

    def set_time(self, t: float, *, expert: int = 0, device: "torch.device | str" = "cpu") -> None:
        """Say what calls that name no t compute on `device` from now on.

        Once per forward, before it: outside of compiled code and captured CUDA graphs, on the stream that runs them.
        Their replays follow. Each device has its own time, so one plan may serve several devices from several threads.

        Args:
            t: of the forward, 1 noise, 0 clean.
            expert: that runs it.
            device: where its tensors are.

        Raises:
            Error: t or the expert is not one of the plan's, or a CUDA graph is being captured.
        """
        from twill_vdit.device_time import set_time

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

    def precisions(self, segment: int, expert: int, stack: int, layer: int) -> Sequence[str]:
        """What each head of a layer is computed in where there is a kernel for it: "bf16" or "int8"."""
        table, heads = self.plan.segments[segment], self.heads_of_stack(stack)
        if table.dense or not table.precisions:
            return ["bf16"] * heads
        first = self.plan.model.head_index(stack, layer)
        return table.precisions[expert][first : first + heads]

    def precision_counts(self, segment: int, *, layer: int, stack: int = 0, expert: int = 0) -> tuple[int, int]:
        """(heads that the plan wants in INT8, heads with keys) of a layer; no heads in a segment that is dense.

        Raises:
            Error: the plan has no such segment, expert, stack or layer.
        """
        tasks = self.tasks(segment, expert, stack, layer)
        table = self.plan.segments[segment]
        if table.dense:
            return 0, 0
        has_keys = [mode in ("dense", "sparse") for mode, _ in tasks]
        precisions = self.precisions(segment, expert, stack, layer)
        wanted = sum(keys and precision == "int8" for keys, precision in zip(has_keys, precisions, strict=True))
        return wanted, sum(has_keys)

    def _task(self, index: int) -> tuple[str, int]:
        kind = self.plan.patterns[index].kind
        return (kind, -1) if kind in ("dense", "skip", "mean") else ("sparse", index)

    def tile_list(self, index: int) -> TileList:
        """The key tiles of a list that `tasks` names, made at the first call."""
        if index not in self._tile_lists:
            if self.native is not None:
                self._tile_lists[index] = TileList(*self.native.tile_list(index))
            else:
                self._tile_lists[index] = compile_pattern(self.plan.patterns[index], self.layout)[1]
        return self._tile_lists[index]

    def density(self, segment: int, expert: int | None = None) -> float:
        """Executed cells of one forward in a segment, over dense's.

        Args:
            segment: index into the plan's.
            expert: of the forward; None: the one that runs there.

        Raises:
            Error: no expert was given and any of several may run there.
        """
        if expert is None:
            expert = self._only_expert(segment)
        if self.native is not None:
            return self.native.density(segment, expert)
        tasks = [
            task
            for stack, shape in enumerate(self.plan.model.stacks)
            for layer in range(shape.layers)
            for task in self.tasks(segment, expert, stack, layer)
        ]
        return self._density_of(tasks)

    def layer_density(self, segment: int, *, layer: int, stack: int = 0, expert: int = 0) -> float:
        """Executed cells of one layer's attention in a segment, over dense's.

        Raises:
            Error: the plan has no such segment, expert, stack or layer.
        """
        return self._density_of(self.tasks(segment, expert, stack, layer))

    def _density_of(self, tasks: Sequence[tuple[str, int]]) -> float:
        dense = dense_tiles(self.layout)
        tiles = {"dense": dense, "skip": 0, "mean": 0}
        kept = sum(self.tile_list(index).tiles if mode == "sparse" else tiles[mode] for mode, index in tasks)
        return kept / (dense * len(tasks))

    def _only_expert(self, segment: int) -> int:
        require(0 <= segment < len(self.plan.segments), f"segment {segment} is not one of {len(self.plan.segments)}")
        experts = self.plan.experts_within(segment)
        require(
            len(experts) == 1,
            f"density: a forward in segment {segment} may run any of {', '.join(self.plan.model.experts)}; give expert",
        )
        return experts[0]

    def run_density(self, t: Sequence[float], expert_at: Sequence[int] = ()) -> float:
        """Mean over the forwards of a run. Never quote it without layout, scheduler, shift and steps.

        Args:
            t: of each forward.
            expert_at: the expert of each; none given: as Plan.experts_at says.

        Raises:
            Error: there is no forward, or not an expert for each.
        """
        for each in t:
            check_t(each)
        experts = list(expert_at) or self.plan.experts_at(t)
        require(len(t) > 0 and len(experts) == len(t), f"run_density: {len(t)} times and {len(experts)} experts")
        return sum(self.density(self.segment_at(x), expert) for x, expert in zip(t, experts, strict=True)) / len(t)


def compile_plan(plan: Plan, layout: TokenLayout, backend: str = "auto") -> CompiledPlan:
    """The tables of a plan at a layout; made once, for all forwards there.

    Args:
        plan: what to compile.
        layout: of the calls.
        backend: "auto", or the one form of attention that may run: "native_cuda", "runtime_cuda", "native_cpu", "flex"
            or "eager".
    """
    return CompiledPlan(plan, layout, backend)
