# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""One sampling run of a patched model: which calls are sparse, and what is counted."""

import threading
from dataclasses import dataclass, field

from .. import wheel
from ..layouts import Family, NetworkShape
from ..memory import is_out_of_memory
from ..settings import Settings
from . import pace
from .adapting import Adapting
from .attention_call import AttentionCall, persistent_memory
from .forward import Forward
from .report import BY_BLOCKS, BY_MIN_TOKENS, BY_PLAN, Report

MOST_COMPILED = 8  # in a run: of layouts (context windows, batches of one size) and of what the plan was adapted to
DTYPES = ("torch.float32", "torch.bfloat16", "torch.float16")


@dataclass(frozen=True)
class Decision:
    """How calls of one kind run. compiled None: dense, through what was there before."""

    compiled: object = None
    segment: int = 0
    stack: int = 0
    layer: int = 0
    density: float = 1.0
    dense_because: str = ""


@dataclass
class Run:
    """plan: twill_vdit.Plan, as the slider has it; from the first call on as `adapting` has it, if there is one.

    dense_blocks: counted through all stacks.
    """

    plan: object
    expert: int
    family: Family
    shape: NetworkShape
    settings: Settings
    dense_blocks: frozenset[int]
    prefer_kernel_when_dense: bool  # nobody else has an override
    adapting: Adapting | None = None
    report: Report = field(default_factory=Report)
    broken: str = ""

    def __post_init__(self) -> None:
        self._decisions: dict[tuple, Decision] = {}
        # By text of the plan and layout. Graphs hold what they were captured with, so earlier plans stay.
        self._compiled: dict[tuple, object] = {}
        self._lock = threading.Lock()

    def adapt(self, forward: Forward, call: AttentionCall, site: tuple[int, int], options: dict) -> None:
        """Before a call is decided on: the first one may change the plan. options: transformer_options."""
        adapting = self.adapting
        if adapting is None or self.broken or call.masked or self._why_not(call, site[0]):
            return
        layout = self._layout(forward, call)
        if isinstance(layout, str) or call.tokens < self.settings.min_tokens:
            return
        if not adapting.begun:
            self._take(adapting.begin(self._compile(self.plan, layout)))
        adapting.observe(call, layout, site, options)

    def finish_step(self) -> None:
        if self.adapting is not None:
            self._take(self.adapting.finish_step())

    def _take(self, plan) -> None:
        self.plan = self.plan if plan is None else plan

    def decide(self, forward: Forward, call: AttentionCall, site: tuple[int, int]) -> Decision:
        if self.broken:
            return Decision(dense_because=self.broken)
        if forward.dense_because:
            return Decision(dense_because=forward.dense_because)
        if call.masked:
            return Decision(dense_because="the call has a mask")
        plan = self.plan
        segment = plan.segment_at(forward.t)
        of_call = call.tokens, call.heads, call.q.dtype, call.q.device, call.grouped
        key = (plan.text, segment, site, forward.grid, *of_call)
        decision = self._decisions.get(key)
        if decision is None:
            decision = self._decisions[key] = self._decide(plan, segment, forward, call, *site)
        return decision

    def _why_not(self, call: AttentionCall, stack: int) -> str:
        """Why no plan serves a call such as this one; empty when one may."""
        stacks = self.plan.model.stacks
        if stack >= len(stacks):
            return "the plan has nothing for these blocks"
        if call.grouped or call.heads != stacks[stack].heads:
            return f"{call.heads} heads in a call, not the plan's {stacks[stack].heads}"
        if str(call.q.dtype) not in DTYPES:
            return f"dtype {str(call.q.dtype).removeprefix('torch.')}"
        return ""

    def _layout(self, forward: Forward, call: AttentionCall):
        """twill_vdit.TokenLayout of a call, or a reason (text) why plans do not know it."""
        frames, rows, cols = forward.grid
        beside = self.family.beside(call.tokens, frames * rows * cols, forward)
        if isinstance(beside, str):
            return beside
        if min(beside.prefix, beside.suffix) < 0:
            return f"{call.tokens} tokens are fewer than the {frames * rows * cols} of the clip"
        return wheel.package().TokenLayout(
            frames=frames, rows=rows, cols=cols, prefix=beside.prefix, suffix=beside.suffix
        )

    def _decide(self, plan, segment: int, forward: Forward, call: AttentionCall, stack: int, layer: int) -> Decision:
        why = self._why_not(call, stack)
        if why:
            return Decision(dense_because=why)
        if layer + sum(layers for layers, _ in self.shape.stacks[:stack]) in self.dense_blocks:
            return Decision(dense_because=BY_BLOCKS)
        if call.tokens < self.settings.min_tokens:
            return Decision(dense_because=BY_MIN_TOKENS)
        kernel = self._has_kernel(call)
        is_dense = plan.segments[segment].dense
        if is_dense and not (kernel and self.prefer_kernel_when_dense):
            return Decision(dense_because=BY_PLAN)
        layout = self._layout(forward, call)
        if isinstance(layout, str):
            return Decision(dense_because=layout)
        compiled = self._compile(plan, layout)
        density = self._layer_density(compiled, segment, stack, layer)
        decision = Decision(compiled, segment, stack, layer, density, BY_PLAN if is_dense else "")
        if not kernel and self._is_slower(decision, call):
            return Decision(dense_because="slower than dense here, where the package has no kernel")
        return decision

    def _has_kernel(self, call: AttentionCall) -> bool:
        backends = wheel.package("backends")
        wanted = backends.Call(
            call.q.device,
            call.q.dtype,
            call.head_dim,
            call.scale or call.head_dim**-0.5,
            has_tables=wheel.has_kernels(),
        )
        return backends.choose(wanted).backend.name.startswith("native")

    def _is_slower(self, decision: Decision, call: AttentionCall) -> bool:
        def sparse():
            return self._attend(decision, call, segment=decision.segment)

        return decision.density > pace.break_even(call, decision.density, sparse)

    def _compile(self, plan, layout):
        key = plan.text, layout
        with self._lock, persistent_memory():
            if key not in self._compiled:
                while len(self._compiled) >= MOST_COMPILED:
                    self._compiled.pop(next(iter(self._compiled)))
                    self._decisions.clear()
                self._compiled[key] = wheel.package().compile_plan(plan, layout)
                self.report.clip = f"{layout.frames}x{layout.rows}x{layout.cols} tokens" + _beside_text(layout)
            return self._compiled[key]

    def _layer_density(self, compiled, segment: int, stack: int, layer: int) -> float:
        dense = wheel.package("tile_lists").dense_tiles(compiled.layout)
        tiles = {"dense": dense, "skip": 0, "mean": 0}
        tasks = compiled.tasks(segment, self.expert, stack, layer)
        kept = [compiled.tile_list(index).tiles if mode == "sparse" else tiles[mode] for mode, index in tasks]
        return sum(kept) / (dense * len(tasks))

    def tell_time(self, forward: Forward, device) -> None:
        """Before a forward: graphs of it that are replayed without calling the override follow too."""
        if device.type == "cuda":
            for compiled in list(self._compiled.values()):
                self._set_time(compiled, forward, device)

    def _set_time(self, compiled, forward: Forward, device) -> None:
        if compiled.handle not in forward.told:
            with persistent_memory():
                compiled.set_time(forward.t, expert=self.expert, device=device)
            forward.told.add(compiled.handle)

    def attend(self, forward: Forward, decision: Decision, call: AttentionCall):
        if call.q.device.type != "cuda":
            return self._attend(decision, call, segment=decision.segment)
        self._set_time(decision.compiled, forward, call.q.device)
        return self._attend(decision, call, segment=None)

    def _attend(self, decision: Decision, call: AttentionCall, segment: int | None):
        return wheel.package().sparse_attention(
            call.q,
            call.k,
            call.v,
            decision.compiled,
            layer=decision.layer,
            segment=segment,
            stack=decision.stack,
            expert=self.expert,
            scale=call.scale,
        )

    def failed(self, error: Exception) -> str:
        """The rest of the run is dense; the sampler hears nothing."""
        if is_out_of_memory(error):
            self.broken = "sparse attention ran out of memory; dense from there on (a smaller clip needs less)"
        else:
            text = str(error).strip().splitlines()
            what = f"{type(error).__name__}: {text[0] if text else 'no text'}"
            self.broken = f"sparse attention failed ({what}); dense from there on"
        return self.broken

    def count(self, forward: Forward, call: AttentionCall, site: tuple[int, int], why: str, seconds: float) -> None:
        seconds = seconds if call.q.device.type == "cpu" else 0.0
        cells = call.q.shape[0] * call.heads * float(call.tokens) ** 2
        if why:
            self.report.count_dense(why, cells, seconds)
        else:
            density = self.decide(forward, call, site).density
            self.report.count_sparse(density * cells, cells, seconds)


def _beside_text(layout) -> str:
    parts = [f"{layout.prefix} in front"] * (layout.prefix > 0) + [f"{layout.suffix} behind"] * (layout.suffix > 0)
    return f" ({', '.join(parts)})" if parts else ""
