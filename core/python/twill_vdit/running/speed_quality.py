# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The speed-quality slider: 0 fastest, 0.5 the plan as it was searched, 1 dense."""

import functools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from twill_vdit.families import Grid
from twill_vdit.json_reading import parse_json
from twill_vdit.plan import Plan
from twill_vdit.plan_io import parse_plan
from twill_vdit.search import Profile, Solver, profile_of

AS_SEARCHED = 0.5
DEFAULT_DENSITY = 0.4
MOST_KEPT = 8  # plans of a slider


def searched_density(plan: Plan) -> float:
    """What the search aimed at, or what it came to where it aimed at something else."""
    if plan.facts is not None:
        budget = plan.facts.budget
        if budget is None:
            return DEFAULT_DENSITY
        return budget.value if budget.goal == "density" else budget.density or DEFAULT_DENSITY
    # A plan as version 1.0 has it.
    found = re.search(r"density ([0-9.]+)", str(plan.provenance.get("budget", "")))
    return float(found[1]) if found else DEFAULT_DENSITY


def density_at(speed_quality: float, least: float, searched: float) -> float:
    """A straight line on each side of the middle.

    Args:
        speed_quality: 0 to 1.
        least: density at 0.
        searched: density at 0.5.
    """
    if speed_quality <= AS_SEARCHED:
        return least + (searched - least) * speed_quality / AS_SEARCHED
    return searched + (1.0 - searched) * (speed_quality - AS_SEARCHED) / (1.0 - AS_SEARCHED)


def dense_plan(plan: Plan, name: str = "") -> Plan:
    """The plan's model with one dense segment."""
    text = parse_json(plan.text, name or plan.name)
    text.pop("profile", None)
    text["segments"] = [{"t_begin": 0, "t_end": 1, "dense": True}]
    return parse_plan(json.dumps(text), name or plan.name)


@dataclass(frozen=True)
class SliderRun:
    """The run that a plan is wanted for; the solved plan says it. None: not known.

    Attributes:
        times: t of the forwards, descending, all of them the expert's.
        expert: of the run.
        grid: frames, rows and columns of tokens.
        sampler: that gave the times.
        shift: that gave the times.
    """

    times: tuple[float, ...]
    expert: int = 0
    grid: Grid | None = None
    sampler: str | None = None
    shift: float | None = None


class Slider:
    """Plans of other speeds from one that carries its profile. name: of the plan, as the user knows it."""

    def __init__(self, plan: Plan, name: str = "") -> None:
        self.plan = plan
        self.name = name or plan.name
        profile = profile_of(plan)
        self._solved: Callable[[float, SliderRun], tuple[Plan, float]] | None = None
        if profile is not None:
            self._solved = functools.lru_cache(MOST_KEPT)(functools.partial(self._solve, profile))

    def plan_for(self, speed_quality: float, run: SliderRun) -> tuple[Plan, str]:
        """The plan for a run, and how it came about, in words.

        Args:
            speed_quality: 0 fastest, 0.5 the plan as it was searched, 1 dense.
            run: what it is wanted for.
        """
        if speed_quality == AS_SEARCHED:
            return self.plan, "speed-quality 0.5: the plan as it is"
        if speed_quality >= 1.0:
            return dense_plan(self.plan, self.name), "speed-quality 1: dense"
        if self._solved is None:
            return self.plan, f"speed-quality {speed_quality:g}: the plan has no profile, so it holds as it is"
        descending = replace(run, times=tuple(sorted(set(run.times), reverse=True)))
        plan, density = self._solved(round(speed_quality, 4), descending)
        return plan, f"speed-quality {speed_quality:g}: solved again for density {density:.2f}"

    def _solve(self, profile: Profile, speed_quality: float, run: SliderRun) -> tuple[Plan, float]:
        solver = Solver(
            profile,
            run.times,
            expert_at=[run.expert] * len(run.times),
            name=self.name,
            grid=run.grid,
            sampler=run.sampler,
            shift=run.shift,
        )
        # The cheapest plan leaves every head out and is of no use; a tenth of attention is as fast as it gets.
        least = max(solver.least_budget(), 0.1)
        searched = searched_density(self.plan)
        solution = solver.solve(density_at(speed_quality, min(least, searched), searched))
        return solution.plan, solution.density
