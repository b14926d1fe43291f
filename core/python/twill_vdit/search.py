# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Finding a plan: a profiler that looks at the q, k and v of whoever runs the model, and the solver.

profiler = Profiler(model, layout, t=[0.9, 0.5], prompts=["a red ball rolls left"])
for each forward at profiler.t[i] and each layer of it:
    profiler.observe(q, k, v, gain, t_index=i, layer=layer)
profiler.finish_unit(i)
plan = solve(profiler.finish(), t=times_of_all_forwards, density=0.4)
"""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from twill_vdit import native
from twill_vdit.errors import Error, require
from twill_vdit.layout import TokenLayout
from twill_vdit.plan import ModelShape, Plan
from twill_vdit.plan_io import parse_plan

if TYPE_CHECKING:
    import numpy as np
    import torch

    from twill_vdit.candidate_costs import CostTable


# Segments that are not all dense, at most.
MAX_SEGMENTS = 8


def _binary() -> ModuleType:
    if native.binary is None:
        raise Error(f"searching needs the binary module of twill_vdit: {native.why_not}", "unsupported")
    return native.binary


def _experts(expert_at: Sequence[int] | None) -> list[int] | None:
    return None if expert_at is None else list(expert_at)


def measures_in_torch(device: "torch.device") -> bool:
    """The binary module measures tensors on the CPU; on other devices torch does, which spares the copy."""
    return device.type != "cpu"


class _Measures:
    """What Profiler and AdaptiveRun measure on a device of its own, with what they made for the last rows."""

    def __init__(self, native_object: object, tokens: int) -> None:
        self._native = native_object
        self._tokens = tokens
        self._candidates: tuple | None = None
        self._ready: tuple | None = None  # (rows, device, Measuring)

    def errors(self, call: "_Call", rows: list[int]) -> "tuple[np.ndarray, np.ndarray]":
        """float64 (error [heads, candidates], norm [heads])"""
        from twill_vdit.measuring import Measuring

        tokens, device = call.q.shape[2], call.q.device
        require(tokens == self._tokens, f"observe: {tokens} tokens, not the layout's {self._tokens}", "model")
        if self._candidates is None:
            self._candidates = self._native.candidates()
        if self._ready is None or self._ready[:2] != (rows, device):
            self._ready = rows, device, Measuring(*self._candidates, rows, tokens, device)
        error, norm = self._ready[2].errors(call.q, call.k, call.v, call.scale)
        return error.double().cpu().numpy(), norm.double().cpu().numpy()


class _Call:
    """q, k and v, kept alive as long as the binary module may read them."""

    def __init__(self, q: "torch.Tensor", k: "torch.Tensor", v: "torch.Tensor", scale: float | None) -> None:
        self.q, self.k, self.v = (x if x.stride(-1) == 1 else x.contiguous() for x in (q, k, v))
        self.scale = 1.0 / math.sqrt(q.shape[3]) if scale is None else scale

    def arguments(self) -> list[tuple]:
        from twill_vdit.tensors import cpu_argument

        return [cpu_argument(x) for x in (self.q, self.k, self.v)]

    def on_cpu(self) -> "_Call":
        return _Call(self.q.cpu(), self.k.cpu(), self.v.cpu(), self.scale)


def _measured(call: _Call, measure: Callable[[], tuple]) -> tuple | None:
    """What `measure` gives, on the call's own device; None where the CPU is to measure."""
    if not measures_in_torch(call.q.device):
        return None
    try:
        return measure()
    except Error:
        raise
    except RuntimeError as error:  # no memory beside the model, or a device that lacks an operation
        text = str(error).strip().splitlines()
        what = f"{type(error).__name__}: {text[0] if text else 'no text'}"
        native.say_once(f"heads are measured on the CPU and not on {call.q.device}: {what}")
        return None


class Profiler:
    """Head errors of all candidates against dense attention, from sampled queries.

    t: descending, in 0..1. A unit of work is one forward of one prompt at one t. With a folder finished units are kept
    there, and a profiler with the same arguments goes on with them. provenance: whatever else decides the numbers; kept
    with the units and compared on going on. "expert_boundary" in it is the t below which the second of two experts
    runs. candidates: patterns in all, at most; 0: dense alone, for a run's maps. rows: sampled query tokens of a unit;
    0: 64, more where t are few. stripe_maps: float32 [heads, size, size] of such a run, for vertical stripes where its
    heads look.
    """

    def __init__(
        self,
        model: ModelShape,
        layout: TokenLayout,
        *,
        t: Sequence[float],
        prompts: Sequence[str],
        seeds: Sequence[int] | None = None,
        candidates: int = 120,
        rows: int = 0,
        map_size: int = 0,
        folder: str | os.PathLike = "",
        threads: int = 0,
        provenance: Mapping[str, str] | None = None,
        stripe_maps: "np.ndarray | None" = None,
    ) -> None:
        self.t = list(t)
        self._map_size = map_size
        self._native = _binary().Profiler(
            family=model.family,
            experts=list(model.experts),
            stacks=[(stack.name, stack.layers, stack.heads) for stack in model.stacks],
            head_dim=model.head_dim,
            layout=layout.as_tuple(),
            candidates=candidates,
            t=self.t,
            prompts=list(prompts),
            seeds=list(range(len(prompts)) if seeds is None else seeds),
            rows=rows,
            map_size=map_size,
            folder=os.fspath(folder),
            threads=threads,
            provenance=dict(provenance or {}),
            stripe_maps=stripe_maps,
        )
        self._measures = _Measures(self._native, layout.tokens)

    def observe(
        self,
        q: "torch.Tensor",
        k: "torch.Tensor",
        v: "torch.Tensor",
        gain: Sequence[float],
        *,
        t_index: int,
        layer: int,
        prompt: int = 0,
        expert: int = 0,
        stack: int = 0,
        branch: int = 0,
        scale: float | None = None,
    ) -> None:
        """q, k, v: [batch, heads, tokens, head_dim], measured on the device where they are.

        gain: [heads], the mean squared norm of the head's gated share of the output projection over that of the
        residual stream. branch: of the guidance, 0 conditional, 1 unconditional.
        """
        call, gain = _Call(q, k, v, scale), [float(x) for x in gain]
        place = t_index, prompt, expert, stack, layer, branch
        measured = _measured(call, lambda: (*self._errors(call, t_index, prompt), self._map(call)))
        if measured is not None:
            self._native.observe_measures(*place, *measured, gain)
            return
        on_cpu = call.on_cpu()
        self._native.observe(*place, *on_cpu.arguments(), on_cpu.scale, gain)

    def _errors(self, call: _Call, t_index: int, prompt: int) -> tuple:
        return self._measures.errors(call, self._native.rows(t_index, prompt))

    def _map(self, call: _Call) -> "np.ndarray":
        import numpy as np

        from twill_vdit.measuring import attention_map

        if self._map_size == 0:
            return np.empty(0, dtype=np.float32)
        drawn = attention_map(call.q, call.k, call.scale, self._map_size, self._native.query_stride)
        return drawn.cpu().numpy()

    def finish_unit(self, t_index: int, prompt: int = 0) -> None:
        self._native.finish_unit(t_index, prompt)

    def done(self, t_index: int, prompt: int = 0) -> bool:
        return self._native.done(t_index, prompt)

    def mean_maps(self) -> "np.ndarray":
        """Attention maps so far, float32 [experts * heads, map_size, map_size], rows sum to 1; finished units only."""
        require(self._map_size > 0, "mean_maps: the profiler was made with map_size 0")
        return self._native.mean_maps(self._map_size)

    def finish(self) -> "Profile":
        """Throws Error when a unit is missing."""
        return Profile(self._native.finish())


class Profile:
    """What a search measured: enough to solve for any density again without the model."""

    def __init__(self, native_profile: object) -> None:
        self.native = native_profile

    @classmethod
    def read(cls, file: str | os.PathLike) -> "Profile":
        return cls(_binary().Profile(os.fspath(file)))

    def write(self, file: str | os.PathLike) -> None:
        self.native.write(os.fspath(file))

    @property
    def maps(self) -> "np.ndarray | None":
        """uint8 [experts * heads, map_size, map_size], each row scaled to its maximum; None without maps."""
        return self.native.maps

    @property
    def costs(self) -> "CostTable | None":
        """What each candidate costs; None when nothing was timed."""
        from twill_vdit.candidate_costs import CostTable

        device, kernel, milliseconds = self.native.costs
        return CostTable(device, kernel, milliseconds) if milliseconds else None

    @costs.setter
    def costs(self, table: "CostTable") -> None:
        self.native.set_costs(table.device, table.kernel, table.milliseconds)

    def measure_costs(self, device: "torch.device | str", dtype: "torch.dtype", check_stop=lambda: None) -> None:
        """Times every candidate on random q, k and v, all heads of a layer at once; solving for a share of attention's
        time needs it. check_stop is called between candidates and may raise."""
        from twill_vdit.candidate_costs import measure

        self.costs = measure(self.native, device, dtype, check_stop)


def profile_of(plan: Plan) -> Profile | None:
    """The profile in the plan's file; None when it has none or there is no binary module."""
    native_profile = None if plan.native is None else plan.native.profile
    return None if native_profile is None else Profile(native_profile)


@dataclass(frozen=True)
class Solution:
    plan: Plan
    density: float  # over the forwards that it was solved for
    attention_share: float  # of dense attention's time; equal to density without costs
    predicted_error: float  # comparable between plans of one profile


class Solver:
    """Plans of any density from one profile, for the forwards at `t`, descending.

    expert_at: the expert of each; None: as the profile says. budget: what solve() is given a share of, "density"
    (executed cells) or "attention_share" (time, of a profile with costs). Dense steps at both ends are the solver's
    choice if not told. grid: frames, rows and columns of tokens where the plans will run; None: where it was profiled.
    """

    def __init__(
        self,
        profile: Profile,
        t: Sequence[float],
        *,
        expert_at: Sequence[int] | None = None,
        budget: str = "density",
        max_segments: int = MAX_SEGMENTS,
        dense_first_steps: int | None = None,
        dense_last_steps: int | None = None,
        name: str = "plan",
        attach_profile: bool = False,
        grid: tuple[int, int, int] | None = None,
    ) -> None:
        require(len(t) > 0, "solve: t holds no forward")
        self._name = name
        self._native = _binary().Solver(
            profile.native,
            list(t),
            _experts(expert_at),
            budget,
            max_segments,
            dense_first_steps,
            dense_last_steps,
            name,
            attach_profile,
            grid,
        )

    def least_budget(self) -> float:
        """The smallest share that solve() takes."""
        return self._native.least_budget()

    def solve(self, share: float) -> Solution:
        """The plan with the least predicted error at this share over the forwards."""
        plan, *figures = self._native.solve(share)
        return Solution(parse_plan(plan.to_json(), self._name), *figures)

    def pareto_front(self, points: int = 33) -> list[tuple[float, float]]:
        """(density, predicted error) from the cheapest plan to the dense one."""
        return self._native.pareto_front(points)


class AdaptiveRun:
    """A plan that is fitted to one clip while the clip is made, at a size and for a prompt that no search has seen.

    A few of the run's own steps are measured, and after each the rest of the run is solved for again.

    run = AdaptiveRun(profile, t, density=0.4, layout=layout)
    for each step, by run.plan, which changes only where finish_step() says so:
        for each call of its forwards, if run.measuring:
            run.observe(q, k, v, layer=layer)
        run.finish_step()

    t: of each forward, descending; equal ones are of one step. expert_at: the expert of each; None: as the
    profile says.
    density: of the whole run. threads: 0 for as many as the process may use.
    """

    def __init__(
        self,
        profile: Profile,
        t: Sequence[float],
        *,
        density: float,
        layout: TokenLayout,
        expert_at: Sequence[int] | None = None,
        max_segments: int = MAX_SEGMENTS,
        name: str = "plan",
        threads: int = 0,
    ) -> None:
        require(len(t) > 0, "AdaptiveRun: t holds no forward")
        self._name = name
        self._native = _binary().AdaptiveRun(
            profile.native, list(t), _experts(expert_at), density, max_segments, name, layout.as_tuple(), threads
        )
        self._measures = _Measures(self._native, layout.tokens)
        self._read_plan()

    def _read_plan(self) -> None:
        self.plan = parse_plan(self._native.plan().to_json(), self._name)

    @property
    def step(self) -> int:
        """The one that runs now, counted from 0."""
        return self._native.step

    @property
    def measuring(self) -> bool:
        """Whether this step's attention calls are to be shown to observe()."""
        return self._native.measuring

    @property
    def density(self) -> float:
        """Executed cells over dense's, over the whole run: steps that ran as they ran, the rest as planned."""
        return self._native.density

    def observe(
        self,
        q: "torch.Tensor",
        k: "torch.Tensor",
        v: "torch.Tensor",
        *,
        layer: int,
        expert: int = 0,
        stack: int = 0,
        branch: int = 0,
        scale: float | None = None,
    ) -> None:
        """As Profiler.observe, of the model while it runs by this plan. Each (layer, stack, branch) of a step once."""
        call = _Call(q, k, v, scale)
        measured = _measured(call, lambda: self._measures.errors(call, self._native.rows()))
        if measured is not None:
            self._native.observe_measures(expert, stack, layer, branch, *measured)
            return
        on_cpu = call.on_cpu()
        self._native.observe(expert, stack, layer, branch, *on_cpu.arguments(), on_cpu.scale)

    def finish_step(self) -> bool:
        """True when there is another plan from now on. Throws Error when a layer of a measured step was not shown."""
        changed = self._native.finish_step()
        if changed:
            self._read_plan()
        return changed


class BudgetFinder:
    """Which budget to try next until the cheapest plan that is good enough, or the best that is fast enough, is found.

    wish: "psnr", in dB of sparse clips against dense ones, or "speedup", dense seconds over sparse. least_budget: of
    the solver.
    """

    def __init__(self, wish: str, value: float, *, least_budget: float = 0.0, most_tries: int = 5) -> None:
        self._native = _binary().BudgetFinder(wish, value, least_budget, most_tries)

    def next(self) -> float | None:
        """None when the search is over."""
        return self._native.next()

    def tell(self, measured: float) -> bool:
        """What clips by the plan of next() measured; True when the wish holds."""
        return self._native.tell(measured)

    @property
    def wanted(self) -> float:
        """What must be measured: the value and a margin."""
        return self._native.wanted

    @property
    def tries(self) -> list[tuple[float, float, bool]]:
        """(budget, measured, holds)"""
        return self._native.tries

    @property
    def best(self) -> int | None:
        """Index of the best try that holds."""
        return self._native.best


def solve(
    profile: Profile,
    t: Sequence[float],
    *,
    expert_at: Sequence[int] | None = None,
    density: float = 0.4,
    max_segments: int = MAX_SEGMENTS,
    dense_first_steps: int | None = None,
    dense_last_steps: int | None = None,
    name: str = "plan",
    attach_profile: bool = False,
) -> Solution:
    """One plan of a Solver, which says what the arguments are."""
    return Solver(
        profile,
        t,
        expert_at=expert_at,
        max_segments=max_segments,
        dense_first_steps=dense_first_steps,
        dense_last_steps=dense_last_steps,
        name=name,
        attach_profile=attach_profile,
    ).solve(density)
