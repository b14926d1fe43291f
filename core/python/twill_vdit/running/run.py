# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""One sampling run of a network: which of its calls are sparse, what falls back to dense, and what is counted."""

import contextlib
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from twill_vdit import backends, native
from twill_vdit.attention import sparse_attention
from twill_vdit.backends import has_kernel
from twill_vdit.compiled_plan import CompiledPlan, compile_plan
from twill_vdit.families import NetworkShape, tokens_beside
from twill_vdit.layout import TokenLayout
from twill_vdit.plan import Plan
from twill_vdit.running import pace
from twill_vdit.running.adapting import Adapting
from twill_vdit.running.call import AttentionCall, Site
from twill_vdit.running.forward import Forward
from twill_vdit.running.judging import Judge
from twill_vdit.running.report import BY_BLOCKS, BY_MIN_TOKENS, BY_PLAN, Report
from twill_vdit.running.schedule import NO_STEPS, Schedule
from twill_vdit.tensors import DTYPES

MOST_COMPILED = 8  # in a run: of layouts (context windows, batches of one size) and of what the plan was adapted to
NOT_ADAPTED_SPREAD = "The plan was not adapted: the clip's tokens stand on several devices."

Call = TypeVar("Call", bound=AttentionCall)


def is_out_of_memory(error: BaseException) -> bool:
    """Which errors say that memory was not enough, on a GPU or on the host."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


@dataclass(frozen=True)
class Decision:
    """How calls of one kind run. compiled None: dense, through what was there before."""

    compiled: CompiledPlan | None = None
    segment: int = 0
    stack: int = 0
    layer: int = 0
    density: float = 1.0
    dense_because: str = ""
    precision: tuple[int, int, str] = 0, 0, ""  # as Report.count_precision takes it
    form: str = ""  # of attention, and why that


@dataclass
class Run:
    """What a host asks for each call of attention while its sampler runs.

    Attributes:
        plan: as the slider has it; from the first call on as `adapting` has it, if there is one.
        expert: of the plan's that this network is.
        shape: of the network.
        dense_blocks: that stay dense, counted through all stacks.
        min_tokens: calls of fewer stay dense.
        kernel_when_dense: dense segments run by our kernel where there is one, as nobody else has a say in the host's
            dense attention.
        may_ask_dense: the host's dense attention has no state, and may be called for comparison.
        adapting: what fits the plan to the clip, if anything does.
        report: what is counted.
        broken: why the rest of the run is dense, after an error.
        persistent_memory: is held around device memory that outlives a forward.
        out_of_memory: which errors of the host's say that memory was not enough.
    """

    plan: Plan
    expert: int
    shape: NetworkShape
    dense_blocks: frozenset[int] = frozenset()
    min_tokens: int = 0
    kernel_when_dense: bool = False
    may_ask_dense: bool = False
    adapting: Adapting | None = None
    report: Report = field(default_factory=Report)
    broken: str = ""
    persistent_memory: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext
    out_of_memory: Callable[[BaseException], bool] = is_out_of_memory

    def __post_init__(self) -> None:
        self._decisions: dict[Hashable, Decision] = {}
        # By text of the plan and layout. Graphs hold what they were captured with, so earlier plans stay.
        self._compiled: dict[tuple[str, TokenLayout], CompiledPlan] = {}
        self._lock = threading.Lock()
        self._judge = Judge()

    def serve(
        self,
        forward: Forward,
        read: Callable[[], tuple[Call, Site | None, Sequence[int]]],
        dense: Callable[[], torch.Tensor],
        shaped: Callable[[torch.Tensor, Call], torch.Tensor],
        dense_name: str = "the attention without a plan",
    ) -> torch.Tensor:
        """One call of the network's attention, sparse or dense, and counted.

        Errors of sparse attention are not raised: the call and the rest of the run are dense. Those of `dense` are, and
        those of calls that are spread over several processes.

        Args:
            forward: that runs.
            read: gives the call, where it stands (None: not among the plan's blocks), and the guidance's branches, as
                AttentionCall.rows_of has them.
            dense: what the host would do without a plan.
            shaped: [batch, heads, tokens, head_dim] -> what the host's caller wants.
            dense_name: what `dense` is called in the report.

        Returns:
            What `shaped` or `dense` gave.
        """
        call, site, out, why, span = None, None, None, "", None
        begin = time.perf_counter()
        try:
            call, site, branches = read()
            if site is not None and not self.concerns(forward, call):
                site = None
            if site is not None:
                self.adapt(forward, call, site, branches)
                begin = time.perf_counter()
                decision = self.decide(forward, call, site)
                why = decision.dense_because
                self._judge.against = dense_name
                if decision.compiled is None:
                    span = self._judge.dense(call)
                elif not why:
                    begin += self._ask_dense(call, site, dense)
                    span = self._judge.sparse(call, site, decision.segment, decision.density)
                if decision.compiled is not None:
                    out = shaped(self.attend(forward, decision, call), call)
        except Exception as error:  # the host goes on, dense
            if call is not None and call.spread is not None:
                raise  # the other processes would wait for this one's part
            out, why, span = None, self.failed(error), None
        if out is None:
            out = dense()
        if span is not None:
            span.end()
        if site is not None and call is not None:
            self.count(forward, call, site, why, time.perf_counter() - begin)
        return out

    def _ask_dense(self, call: AttentionCall, site: Site, dense: Callable[[], object]) -> float:
        """Seconds that the host spent on it, which are not the run's attention."""
        begin = time.perf_counter()
        # What is asked depends on times, which differ between processes.
        if self.may_ask_dense and call.spread is None:
            with self.persistent_memory():
                self._judge.ask_dense(call, site, dense)
        return time.perf_counter() - begin

    def concerns(self, forward: Forward, call: AttentionCall) -> bool:
        """False for what is not the plan's business: cross-attention, text refiners, attention of other streams."""
        return forward.grid is not None and call.q.shape[2] == call.k.shape[2] and call.head_dim == self.shape.head_dim

    def adapt(self, forward: Forward, call: AttentionCall, site: Site, branches: Sequence[int]) -> None:
        """Before a call is decided on: the first one may change the plan."""
        adapting = self.adapting
        if adapting is None or self.broken or call.masked or self._why_not(call, site[0]):
            return
        if call.spread is not None:
            self.report.note(NOT_ADAPTED_SPREAD)
            return
        layout = self._layout(forward, call)
        if isinstance(layout, str) or call.tokens < self.min_tokens:
            return
        if not adapting.begun:
            self._take(adapting.begin(self._compile(self.plan, layout)))
        adapting.observe(call, layout, site, branches)

    def finish_step(self) -> None:
        """The host's sampler has made a step: the next forwards are of another."""
        if self.adapting is not None:
            self._take(self.adapting.finish_step())

    def _take(self, plan: Plan | None) -> None:
        self.plan = self.plan if plan is None else plan

    def finish(self, schedule: Schedule | None = None) -> Report:
        """The run is over. schedule: what told its times."""
        if schedule is not None and schedule.lost:
            self.report.note(NO_STEPS)
        if self.adapting is not None:
            self.report.adapted = self.adapting.text()
            self.report.note(self.adapting.note())
        self.report.judge(self._judge)
        self.report.finish(self.plan)
        return self.report

    def decide(self, forward: Forward, call: AttentionCall, site: Site) -> Decision:
        """How a call runs; of calls of one kind the first is decided on."""
        if self.broken:
            return Decision(dense_because=self.broken)
        if forward.dense_because:
            return Decision(dense_because=forward.dense_because)
        if call.masked:
            return Decision(dense_because="the call has a mask")
        plan = self.plan
        segment = plan.segment_at(forward.t)
        of_call = call.tokens, call.heads, call.q.dtype, call.q.device, call.grouped, call.spread is not None
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
        if call.head_dim != self.plan.model.head_dim:
            return f"head_dim {call.head_dim} in a call, not the plan's {self.plan.model.head_dim}"
        if call.q.dtype not in DTYPES:
            return f"dtype {str(call.q.dtype).removeprefix('torch.')}"
        return ""

    def _layout(self, forward: Forward, call: AttentionCall) -> TokenLayout | str:
        """The layout of a call, or a reason (text) why plans do not know it."""
        if forward.grid is None:
            return "the latent is no clip"
        frames, rows, cols = forward.grid
        beside = tokens_beside(forward.side, call.tokens, forward.grid_tokens)
        if isinstance(beside, str):
            return beside
        return TokenLayout(frames=frames, rows=rows, cols=cols, prefix=beside.prefix, suffix=beside.suffix)

    def _decide(
        self, plan: Plan, segment: int, forward: Forward, call: AttentionCall, stack: int, layer: int
    ) -> Decision:
        why = self._why_not(call, stack)
        if why:
            return Decision(dense_because=why)
        if layer + sum(layers for layers, _ in self.shape.stacks[:stack]) in self.dense_blocks:
            return Decision(dense_because=BY_BLOCKS)
        if call.tokens < self.min_tokens:
            return Decision(dense_because=BY_MIN_TOKENS)
        kernel = self._has_kernel(call)
        is_dense = plan.segments[segment].dense
        if is_dense and not (kernel and self.kernel_when_dense and call.spread is None):
            return Decision(dense_because=BY_PLAN)
        layout = self._layout(forward, call)
        if isinstance(layout, str):
            return Decision(dense_because=layout)
        compiled = self._compile(plan, layout)
        density = compiled.layer_density(segment, layer=layer, stack=stack, expert=self.expert)
        of_call = self._backend_call(call)
        with self.persistent_memory():  # forms may be timed here
            choice = backends.choose(of_call)
        alone = call.spread is None  # else processes would decide by times of their own
        if not kernel and alone and self._is_slower(compiled, segment, stack, layer, density, call):
            return Decision(dense_because="slower than dense here, where the package has no kernel")
        counts = compiled.precision_counts(segment, layer=layer, stack=stack, expert=self.expert)
        why_not_int8 = backends.why_not_int8(choice, of_call) if counts[0] else ""
        because = BY_PLAN if is_dense else ""
        form = backends.describe(choice, counts[0] > 0)
        return Decision(compiled, segment, stack, layer, density, because, (*counts, why_not_int8), form)

    def _backend_call(self, call: AttentionCall) -> backends.Call:
        scale = call.head_dim**-0.5 if call.scale is None else call.scale
        return backends.Call(call.q.device, call.q.dtype, call.head_dim, scale, native.binary is not None)

    def _has_kernel(self, call: AttentionCall) -> bool:
        return has_kernel(call.q.device, call.q.dtype, call.head_dim, call.scale)

    def _is_slower(
        self, compiled: CompiledPlan, segment: int, stack: int, layer: int, density: float, call: AttentionCall
    ) -> bool:
        def sparse() -> torch.Tensor:
            return self._attend(compiled, stack, layer, call, segment)

        return density > pace.break_even(call, density, sparse)

    def _compile(self, plan: Plan, layout: TokenLayout) -> CompiledPlan:
        key = plan.text, layout
        with self._lock, self.persistent_memory():
            if key not in self._compiled:
                while len(self._compiled) >= MOST_COMPILED:
                    self._compiled.pop(next(iter(self._compiled)))
                    self._decisions.clear()
                self._compiled[key] = compile_plan(plan, layout)
                self.report.clip = f"{layout.frames}x{layout.rows}x{layout.cols} tokens" + _beside_text(layout)
            return self._compiled[key]

    def tell_time(self, forward: Forward, device: torch.device) -> None:
        """Before a forward: graphs of it that are replayed without asking for a decision follow too."""
        if device.type == "cuda":
            for compiled in list(self._compiled.values()):
                self._set_time(compiled, forward, device)

    def _set_time(self, compiled: CompiledPlan, forward: Forward, device: torch.device) -> None:
        if compiled.handle not in forward.told:
            with self.persistent_memory():
                compiled.set_time(forward.t, expert=self.expert, device=device)
            forward.told.add(compiled.handle)

    def attend(self, forward: Forward, decision: Decision, call: AttentionCall) -> torch.Tensor:
        """A call by a decision that has a compiled plan: [batch, heads, tokens, head_dim]."""
        compiled, stack, layer = decision.compiled, decision.stack, decision.layer
        if compiled is None:
            raise ValueError(f"a call that is dense, because {decision.dense_because}, was to run sparse")
        if call.spread is not None:
            return call.spread.attend(call, compiled, decision.segment, stack, layer, self.expert)
        if call.q.device.type != "cuda":
            return self._attend(compiled, stack, layer, call, decision.segment)
        self._set_time(compiled, forward, call.q.device)
        return self._attend(compiled, stack, layer, call, None)

    def _attend(
        self, compiled: CompiledPlan, stack: int, layer: int, call: AttentionCall, segment: int | None
    ) -> torch.Tensor:
        return sparse_attention(
            call.q,
            call.k,
            call.v,
            compiled,
            layer=layer,
            segment=segment,
            stack=stack,
            expert=self.expert,
            scale=call.scale,
        )

    def failed(self, error: Exception) -> str:
        """The rest of the run is dense; the host hears nothing."""
        if self.out_of_memory(error):
            self.broken = "sparse attention ran out of memory; dense from there on (a smaller clip needs less)"
        else:
            text = str(error).strip().splitlines()
            what = f"{type(error).__name__}: {text[0] if text else 'no text'}"
            self.broken = f"sparse attention failed ({what}); dense from there on"
        return self.broken

    def count(self, forward: Forward, call: AttentionCall, site: Site, why: str, seconds: float) -> None:
        """why: of a call that ran dense; empty for one by the plan."""
        seconds = seconds if call.q.device.type == "cpu" else 0.0
        cells = call.q.shape[0] * call.heads * float(call.tokens) ** 2
        if why:
            self.report.count_dense(why, cells, seconds)
        else:
            decision = self.decide(forward, call, site)
            self.report.count_sparse(decision.density * cells, cells, seconds)
            self.report.count_precision(*decision.precision)
            self.report.count_form(decision.form)


def _beside_text(layout: TokenLayout) -> str:
    parts = [f"{layout.prefix} in front"] * (layout.prefix > 0) + [f"{layout.suffix} behind"] * (layout.suffix > 0)
    return f" ({', '.join(parts)})" if parts else ""
