# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Finding a plan: a profiler that looks at the q, k and v of whoever runs the model, and the solver.

profiler = Profiler(model, layout, t=[0.9, 0.5], prompts=["a red ball rolls left"])
for each forward at profiler.t[i] and each layer of it:
    profiler.observe(q, k, v, gain, t_index=i, layer=layer)
profiler.finish_unit(i)
plan = solve(profiler.finish(), t=times_of_all_forwards, density=0.4)
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from twill_vdit import native
from twill_vdit.call_measures import Measures, ObservedCall, measured, measures_there, why_no_kernels
from twill_vdit.cost_table import COST_ROUNDS, CostTable
from twill_vdit.errors import Error, require
from twill_vdit.layout import TokenLayout
from twill_vdit.plan import ModelShape, Plan
from twill_vdit.plan_io import parse_plan
from twill_vdit.run_facts import Budget, RunFacts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from twill_vdit import _twill
    from twill_vdit.call_measures import Errors

__all__ = [
    "COST_ROUNDS",
    "MAX_SEGMENTS",
    "AdaptiveRun",
    "Budget",
    "BudgetFinder",
    "CostTable",
    "Profile",
    "Profiler",
    "RunFacts",
    "Solution",
    "Solver",
    "measures_there",
    "profile_of",
    "solve",
]

# wish, value, least budget, most tries
Wish = tuple[str, float, float, int]

# Segments that are not all dense, at most.
MAX_SEGMENTS = 8


def _need_binary() -> None:
    if native.binary is None:
        raise Error(f"searching needs the binary module of twill_vdit: {native.why_not}", "unsupported")


def _experts(expert_at: Sequence[int] | None) -> list[int] | None:
    return None if expert_at is None else list(expert_at)


class _UnderWay:
    """What others show their tensors to, call by call."""

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} cannot be copied or pickled: it is a run under way")


class Profiler(_UnderWay):
    """Head errors of all candidates against dense attention, from sampled queries.

    A unit of work is one forward of one prompt at one t. With a folder finished units are kept there, and a profiler
    with the same arguments goes on with them.
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
        folder: str | os.PathLike[str] = "",
        threads: int = 0,
        provenance: Mapping[str, str] | None = None,
        stripe_maps: "npt.NDArray[np.float32] | None" = None,
        run: RunFacts | None = None,
        expert_boundary: float | None = None,
    ) -> None:
        """A profiler of one model at one layout.

        Args:
            model: its shape.
            layout: of every call.
            t: descending, in 0..1.
            prompts: names of what the clips are of.
            seeds: 0 to 2^64 - 1, of each prompt.
            candidates: patterns in all, at most; 0: dense alone, for a run's maps.
            rows: sampled query tokens of a unit; 0: 64, more where t are few.
            map_size: blocks a side of the attention maps, as many as tokens at most.
            folder: where finished units are kept.
            threads: 0 for as many as the process may use.
            provenance: whatever else decides the numbers, for people; kept with the units and compared on going on.
            stripe_maps: float32 [heads, size, size] of a run of maps, for vertical stripes where its heads look.
            run: all forwards of the clips, of which `t` are profiled; as provenance, kept with the units. The profile
                and its plans say it, and are predicted over it.
            expert_boundary: the t below which the second of two experts runs.

        Raises:
            Error: there is no binary module, or an argument is not what it should be.
        """
        self.t = list(t)
        self._map_size = map_size
        _need_binary()
        self._native = native.binary.Profiler(
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
            run=None if run is None else run.as_tuple(),
            expert_boundary=expert_boundary,
        )
        self._measures = Measures(self._native, layout.tokens, model.head_dim)

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
        """Measure one call, on the device where it is.

        Args:
            q: [batch, heads, tokens, head_dim].
            k: as q.
            v: as q.
            gain: [heads], the mean squared norm of the head's gated share of the output projection over that of the
                residual stream.
            t_index: of the profiler's t.
            layer: of the stack.
            prompt: of the profiler's prompts.
            expert: of the model.
            stack: of the model.
            branch: of the guidance, 0 conditional, 1 unconditional.
            scale: of q k^T, 1/sqrt(head_dim) if not given.
        """
        call, gain = ObservedCall(q, k, v, scale), [float(x) for x in gain]
        place = t_index, prompt, expert, stack, layer, branch
        found = measured(call, lambda: (self._errors(call, t_index, prompt), self._map(call)))
        if found is not None:
            errors, drawn = found
            self._native.observe_measures(*place, *errors, drawn, gain)
            return
        on_cpu = call.on_cpu()
        self._native.observe(*place, *on_cpu.arguments(), on_cpu.scale, gain)

    def _errors(self, call: ObservedCall, t_index: int, prompt: int) -> "Errors":
        return self._measures.errors(call, self._native.rows(t_index, prompt))

    def _map(self, call: ObservedCall) -> "npt.NDArray[np.float32]":
        import numpy as np

        if self._map_size == 0:
            return np.empty(0, dtype=np.float32)
        shape = call.scale, self._map_size, self._native.query_stride
        if why_no_kernels(call) or self._map_size > call.q.shape[2]:
            from twill_vdit.measuring import attention_map

            return attention_map(call.q, call.k, *shape).cpu().numpy()
        from twill_vdit import cuda

        q, k, _ = call.in_whole_rows()
        return cuda.attention_map(q, k, *shape).mean(0).cpu().numpy()

    def finish_unit(self, t_index: int, prompt: int = 0) -> None:
        """All layers of a unit were shown: it is kept."""
        self._native.finish_unit(t_index, prompt)

    def done(self, t_index: int, prompt: int = 0) -> bool:
        """Whether a unit is finished."""
        return self._native.done(t_index, prompt)

    def mean_maps(self) -> "npt.NDArray[np.float32]":
        """Attention maps so far, float32 [experts * heads, map_size, map_size], rows sum to 1; finished units only."""
        require(self._map_size > 0, "mean_maps: the profiler was made with map_size 0")
        return self._native.mean_maps(self._map_size)

    def finish(self) -> "Profile":
        """What was measured.

        Raises:
            Error: a unit is missing.
        """
        return Profile(self._native.finish())


class Profile:
    """What a search measured: enough to solve for any density again without the model."""

    def __init__(self, native_profile: "_twill.Profile") -> None:
        self.native = native_profile

    @classmethod
    def read(cls, file: str | os.PathLike[str]) -> "Profile":
        """A profile from its file."""
        _need_binary()
        return cls(native.binary.Profile(os.fspath(file)))

    def write(self, file: str | os.PathLike[str]) -> None:
        """Write it; a file of another kind is not replaced."""
        self.native.write(os.fspath(file))

    @property
    def candidate_count(self) -> int:
        """Patterns that every head was measured with, dense among them."""
        return self.native.candidate_count

    @property
    def run(self) -> RunFacts | None:
        """The run that it was measured in; None where it does not say."""
        found = self.native.run
        if found is None:
            return None
        t, expert, weight, sampler, scheduler, shift, grid, steps = found
        return RunFacts(tuple(t), steps, sampler, scheduler, shift, grid, tuple(expert), tuple(weight))

    @property
    def maps(self) -> "npt.NDArray[np.uint8] | None":
        """uint8 [experts * heads, map_size, map_size], each row scaled to its maximum; None without maps."""
        return self.native.maps

    @property
    def costs(self) -> CostTable | None:
        """What each candidate costs; None when nothing was timed."""
        device, kernel, milliseconds = self.native.costs
        return CostTable(device, kernel, milliseconds) if milliseconds else None

    @costs.setter
    def costs(self, table: CostTable) -> None:
        self.native.set_costs(table.device, table.kernel, table.milliseconds)

    def measure_costs(
        self, device: "torch.device | str", dtype: "torch.dtype", check_stop: Callable[[], None] = lambda: None
    ) -> None:
        """Time every candidate on random q, k and v, all heads of a layer at once; a share of time needs it.

        Args:
            device: where.
            dtype: of the tensors.
            check_stop: is called between candidates and may raise.
        """
        from twill_vdit.candidate_costs import measure

        self.costs = measure(self.native, device, dtype, check_stop)


def profile_of(plan: Plan) -> Profile | None:
    """The profile in the plan's file; None when it has none or there is no binary module."""
    native_profile = None if plan.native is None else plan.native.profile
    return None if native_profile is None else Profile(native_profile)


@dataclass(frozen=True)
class Solution:
    """What a solver gives.

    Attributes:
        plan: with the least predicted error at its budget.
        density: over the forwards that it was solved for.
        attention_share: of dense attention's time; equal to density without costs.
        predicted_error: comparable between plans of one profile.
    """

    plan: Plan
    density: float  # over the forwards that it was solved for
    attention_share: float  # of dense attention's time; equal to density without costs
    predicted_error: float  # comparable between plans of one profile


class Solver:
    """Plans of any density from one profile. They say what they were solved for."""

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
        sampler: str | None = None,
        shift: float | None = None,
        scheduler: str | None = None,
    ) -> None:
        """A solver for the forwards of a run.

        Args:
            profile: what was measured.
            t: of the forwards, descending.
            expert_at: the expert of each; None: as the profile says.
            budget: what solve() is given a share of, "density" (executed cells) or "attention_share" (time, of a
                profile with costs).
            max_segments: that are not all dense.
            dense_first_steps: steps that stay dense, as dense_last_steps; the solver's choice if not told.
            dense_last_steps: see dense_first_steps.
            name: of the plans.
            attach_profile: the plans carry the profile.
            grid: frames, rows and columns of tokens where the plans will run; None: where it was profiled.
            sampler: that gave t, in the words of whoever ran the model, if it is known.
            shift: that gave t, if it is known.
            scheduler: that gave t, as sampler.
        """
        require(len(t) > 0, "solve: t holds no forward")
        self._name = name
        self._again = profile, list(t)
        self._options: dict[str, Any] = {
            "expert_at": _experts(expert_at),
            "max_segments": max_segments,
            "dense_first_steps": dense_first_steps,
            "dense_last_steps": dense_last_steps,
            "name": name,
            "attach_profile": attach_profile,
            "grid": grid,
            "sampler": sampler,
            "shift": shift,
            "scheduler": scheduler,
        }
        _need_binary()
        self._native = native.binary.Solver(profile.native, list(t), budget_kind=budget, **self._options)
        self._options["budget"] = budget

    def __reduce__(self) -> "tuple[Callable[..., Solver], tuple[Profile, list[float], dict[str, Any]]]":
        return _solver_again, (*self._again, self._options)

    def least_budget(self) -> float:
        """The smallest share that solve() takes."""
        return self._native.least_budget()

    def solve(self, share: float) -> Solution:
        """The plan with the least predicted error at this share over the forwards."""
        plan, density, attention_share, predicted_error = self._native.solve(share)
        return Solution(parse_plan(plan.to_json(), self._name), density, attention_share, predicted_error)

    def pareto_front(self, points: int = 33) -> list[tuple[float, float]]:
        """(density, predicted error) from the cheapest plan to the dense one."""
        return self._native.pareto_front(points)


def _solver_again(profile: Profile, t: list[float], options: dict[str, Any]) -> Solver:
    return Solver(profile, t, **options)


class AdaptiveRun(_UnderWay):
    """A plan that is fitted to one clip while the clip is made, at a size and for a prompt that no search has seen.

    A few of the run's own steps are measured, and after each the rest of the run is solved for again::

        run = AdaptiveRun(profile, t, density=0.4, layout=layout)
        for each step, by run.plan, which changes only where finish_step() says so:
            for each call of its forwards, if run.measuring:
                run.observe(q, k, v, layer=layer)
            run.finish_step()
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
        """A run that begins.

        Args:
            profile: of the model, from another clip.
            t: of each forward, descending; equal ones are of one step.
            density: of the whole run.
            layout: of this clip.
            expert_at: the expert of each forward; None: as the profile says.
            max_segments: that are not all dense.
            name: of the plans.
            threads: 0 for as many as the process may use.
        """
        require(len(t) > 0, "AdaptiveRun: t holds no forward")
        self._name = name
        _need_binary()
        self._native = native.binary.AdaptiveRun(
            profile.native, list(t), _experts(expert_at), density, max_segments, name, layout.as_tuple(), threads
        )
        self._measures = Measures(self._native, layout.tokens, profile.native.head_dim)
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
        call = ObservedCall(q, k, v, scale)
        found = measured(call, lambda: self._measures.errors(call, self._native.rows()))
        if found is not None:
            self._native.observe_measures(expert, stack, layer, branch, *found)
            return
        on_cpu = call.on_cpu()
        self._native.observe(expert, stack, layer, branch, *on_cpu.arguments(), on_cpu.scale)

    def finish_step(self) -> bool:
        """True when there is another plan from now on.

        Raises:
            Error: a layer of a measured step was not shown.
        """
        changed = self._native.finish_step()
        if changed:
            self._read_plan()
        return changed


class BudgetFinder:
    """Which budget to try next, until the cheapest plan that is good enough or the best of the fast enough is found."""

    def __init__(self, wish: str, value: float, *, least_budget: float = 0.0, most_tries: int = 5) -> None:
        """A search for one wish.

        Args:
            wish: "psnr", in dB of sparse clips against dense ones, or "speedup", dense seconds over sparse.
            value: at least.
            least_budget: of the solver.
            most_tries: plans that are tried.
        """
        self._request = wish, value, least_budget, most_tries
        _need_binary()
        self._native = native.binary.BudgetFinder(*self._request)

    def __reduce__(self) -> "tuple[Callable[..., BudgetFinder], tuple[Wish, list[float]]]":
        return _finder_again, (self._request, [measured for _, measured, _ in self.tries])

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
        """(budget, measured, holds) of each."""
        return self._native.tries

    @property
    def best(self) -> int | None:
        """Index of the best try that holds."""
        return self._native.best


def _finder_again(request: Wish, measured: list[float]) -> BudgetFinder:
    wish, value, least_budget, most_tries = request
    finder = BudgetFinder(wish, value, least_budget=least_budget, most_tries=most_tries)
    for each in measured:
        finder.tell(each)
    return finder


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
