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
from collections.abc import Mapping, Sequence
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


def _binary() -> ModuleType:
    if native.binary is None:
        raise Error(f"searching needs the binary module of twill_vdit: {native.why_not}", "unsupported")
    return native.binary


class Profiler:
    """Head errors of all candidates against dense attention, from sampled queries.

    t: descending, in 0..1. A unit of work is one forward of one prompt at one t. With a folder finished units are kept
    there, and a profiler with the same arguments goes on with them. provenance: whatever else decides the numbers; kept
    with the units and compared on going on. candidates: patterns in all, at most; 0: dense alone, for a run's maps.
    rows: sampled query tokens of a unit; 0: 64, more where t are few. stripe_maps: float32 [heads, size, size] of such
    a run, for vertical stripes where its heads look.
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
        """q, k, v: [batch, heads, tokens, head_dim] on the CPU.

        gain: [heads], the mean squared norm of the head's gated share of the output projection over that of the
        residual stream. branch: of the guidance, 0 conditional, 1 unconditional.
        """
        from twill_vdit.tensors import cpu_argument

        q, k, v = (x if x.stride(-1) == 1 else x.contiguous() for x in (q, k, v))
        scale = 1.0 / math.sqrt(q.shape[3]) if scale is None else scale
        tensors = map(cpu_argument, (q, k, v))
        self._native.observe(t_index, prompt, expert, stack, layer, branch, *tensors, scale, [float(x) for x in gain])

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

    budget: what solve() is given a share of, "density" (executed cells) or "attention_share" (time, of a profile with
    costs). Dense steps at both ends are the solver's choice if not told. grid: frames, rows and columns of tokens where
    the plans will run; None: where it was profiled.
    """

    def __init__(
        self,
        profile: Profile,
        t: Sequence[float],
        *,
        budget: str = "density",
        max_segments: int = 4,
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
    density: float = 0.4,
    max_segments: int = 8,
    dense_first_steps: int | None = None,
    dense_last_steps: int | None = None,
    name: str = "plan",
    attach_profile: bool = False,
) -> Solution:
    """One plan of a Solver, which says what the arguments are."""
    return Solver(
        profile,
        t,
        max_segments=max_segments,
        dense_first_steps=dense_first_steps,
        dense_last_steps=dense_last_steps,
        name=name,
        attach_profile=attach_profile,
    ).solve(density)
