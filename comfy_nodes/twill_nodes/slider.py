# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The speed-quality slider: 0 fastest, 0.5 the plan as it was searched, 1 dense."""

import functools
import re

from . import wheel
from .plan_store import LoadedPlan
from .settings import AS_SEARCHED

DEFAULT_DENSITY = 0.4


def searched_density(loaded: LoadedPlan) -> float:
    """What the search aimed at, as the plan's provenance says."""
    found = re.search(r"density ([0-9.]+)", str(loaded.plan.provenance.get("budget", "")))
    return float(found[1]) if found else DEFAULT_DENSITY


def density_at(speed_quality: float, least: float, searched: float) -> float:
    """A straight line on each side of the middle."""
    if speed_quality <= AS_SEARCHED:
        return least + (searched - least) * speed_quality / AS_SEARCHED
    return searched + (1.0 - searched) * (speed_quality - AS_SEARCHED) / (1.0 - AS_SEARCHED)


def plan_for(
    loaded: LoadedPlan, speed_quality: float, times: list[float], expert: int, grid: tuple[int, int, int] | None
) -> tuple[object, str]:
    """(plan, how it came about). times: t of the run's forwards, descending, all of them the expert's. grid: frames,
    rows and columns of tokens, None where they are not known."""
    if speed_quality == AS_SEARCHED:
        return loaded.plan, "speed-quality 0.5: the plan as it is"
    if speed_quality >= 1.0:
        return dense_plan(loaded), "speed-quality 1: dense"
    if not wheel.has_kernels() or loaded.profile() is None:
        return loaded.plan, f"speed-quality {speed_quality:g}: the plan has no profile, so it holds as it is"
    descending = tuple(sorted(set(times), reverse=True))
    plan, density = _solve(loaded, round(speed_quality, 4), descending, expert, grid)
    return plan, f"speed-quality {speed_quality:g}: solved again for density {density:.2f}"


@functools.lru_cache(maxsize=8)
def _solve(
    loaded: LoadedPlan,
    speed_quality: float,
    times: tuple[float, ...],
    expert: int,
    grid: tuple[int, int, int] | None,
) -> tuple[object, float]:
    search = wheel.package("search")
    solver = search.Solver(loaded.profile(), times, expert_at=[expert] * len(times), name=loaded.name, grid=grid)
    # The cheapest plan leaves every head out and is of no use; a tenth of attention is as fast as it gets.
    least = max(solver.least_budget(), 0.1)
    wanted = density_at(speed_quality, min(least, searched_density(loaded)), searched_density(loaded))
    solution = solver.solve(wanted)
    return solution.plan, solution.density


def dense_plan(loaded: LoadedPlan):
    """The plan's model with one dense segment."""
    import json

    text = json.loads(loaded.plan.text)
    text.pop("profile", None)
    text["segments"] = [{"t_begin": 0, "t_end": 1, "dense": True}]
    return wheel.package().parse_plan(json.dumps(text), loaded.name)
