# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Finding a plan: a profiler that looks at the q, k and v of whoever runs the model, and the solver.

profiler = Profiler(model, layout, t=[0.9, 0.5], prompts=["a red ball rolls left"])
for each forward at profiler.t[i] and each layer of it:
    profiler.observe(q, k, v, gain, t_index=i, layer=layer)
profiler.finish_unit(i)
plan = solve(profiler.finish(), t=times_of_all_forwards, density=0.4)

SearchRun is a whole search, for hosts that make clips when it asks for them.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from twill_vdit import native
from twill_vdit.call_measures import Measures, ObservedCall, measured, measures_there
from twill_vdit.cost_table import COST_ROUNDS, CostTable
from twill_vdit.errors import require
from twill_vdit.layout import TokenLayout
from twill_vdit.plan import Plan
from twill_vdit.plan_io import parse_plan
from twill_vdit.profiler import Profile, Profiler, Solution, UnderWay, need_binary
from twill_vdit.run_facts import Budget, RunFacts
from twill_vdit.search_run import (
    ClipWork,
    CostWork,
    QualityWork,
    SearchRun,
    SearchTarget,
    SearchTry,
    SecondsWork,
    map_steps,
)

if TYPE_CHECKING:
    import torch

__all__ = [
    "COST_ROUNDS",
    "INT8_ERROR_SHARE",
    "MAX_SEGMENTS",
    "AdaptiveRun",
    "Budget",
    "BudgetFinder",
    "ClipWork",
    "CostTable",
    "CostWork",
    "Profile",
    "Profiler",
    "QualityWork",
    "RunFacts",
    "SearchRun",
    "SearchTarget",
    "SearchTry",
    "SecondsWork",
    "Solution",
    "Solver",
    "map_steps",
    "measures_there",
    "profile_of",
    "solve",
]

# wish, value, least budget, most tries
Wish = tuple[str, float, float, int]

# Segments that are not all dense, at most.
INT8_ERROR_SHARE = 0.05  # how much more predicted error INT8 brings at most where nobody says, 0.2 dB
MAX_SEGMENTS = 8


def _experts(expert_at: Sequence[int] | None) -> list[int] | None:
    return None if expert_at is None else list(expert_at)


def profile_of(plan: Plan) -> Profile | None:
    """The profile in the plan's file; None when it has none or there is no binary module."""
    native_profile = None if plan.native is None else plan.native.profile
    return None if native_profile is None else Profile(native_profile)


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
        int8_error_share: float | None = None,
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
            int8_error_share: how much more predicted error heads in INT8 may bring, as a share of the patterns'; 0:
                no such heads; None: 0.05 where the profile knows what they lose.
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
            "int8_error_share": int8_error_share,
        }
        need_binary()
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


class AdaptiveRun(UnderWay):
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
        int8_error_share: float = 0.0,
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
            int8_error_share: as Solver's; the profile says what heads lose.
        """
        require(len(t) > 0, "AdaptiveRun: t holds no forward")
        self._name = name
        need_binary()
        self._native = native.binary.AdaptiveRun(
            profile.native,
            list(t),
            _experts(expert_at),
            density,
            max_segments,
            name,
            layout.as_tuple(),
            threads,
            int8_error_share,
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
        need_binary()
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
    int8_error_share: float | None = None,
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
        int8_error_share=int8_error_share,
    ).solve(density)
