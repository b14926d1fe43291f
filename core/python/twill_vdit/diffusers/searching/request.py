# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What a search is asked for, what it tells while it works, and what it gives."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from twill_vdit.errors import Error
from twill_vdit.plan import Plan
from twill_vdit.plan_io import write_plan
from twill_vdit.search import Profile, SearchTarget, SearchTry, profile_of

# Of a pipeline's call, what the search itself decides.
OWN_ARGUMENTS = {
    "generator": "the noise of each clip has its own seed: say seed=",
    "output_type": "the search chooses it",
    "return_dict": "the search chooses it",
    "latents": "the noise of each clip has its own seed: say seed=",
}


class Cancelled(Exception):  # noqa: N818 - it is no error
    """A stop was asked for. That is no failure, so this is no Error; what was measured is kept where `resume` says."""


@dataclass(frozen=True)
class Progress:
    """What is being done.

    Attributes:
        stage: in words.
        done: steps of a clip, or timings.
        total: of them.
        seconds: since the search began.
    """

    stage: str
    done: int
    total: int
    seconds: float


class Event(Protocol):
    """threading.Event, or one of another kind."""

    def is_set(self) -> bool:
        """Whether a stop is asked for."""


Stop = Callable[[], bool] | Event


@dataclass(frozen=True)
class Goal:
    """The one thing that a plan must meet.

    Attributes:
        name: of search_plan's argument.
        value: of it.
    """

    name: str
    value: float

    @property
    def target(self) -> SearchTarget | None:
        """Where clips by plans are made for it."""
        wish = {"min_psnr": "psnr", "min_speedup": "speedup"}.get(self.name)
        return None if wish is None else SearchTarget(wish, self.value)

    @property
    def budget(self) -> str:
        """What a solver is given a share of."""
        return "density" if self.name in ("density", "min_psnr") else "attention_share"


def goal_of(**asked: float | None) -> Goal:
    """The one that is given.

    Raises:
        Error: none is, or several are.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    if len(given) != 1:
        said = ", ".join(f"{name} {value:g}" for name, value in given.items()) or "none"
        raise Error(f"search_plan: give exactly one of {', '.join(asked)} (given: {said})")
    ((name, value),) = given.items()
    return Goal(name, float(value))


def checked_call(call: Mapping[str, Any] | None, where: str) -> dict[str, Any]:
    """Arguments of the pipeline that the search hands on.

    Raises:
        Error: one of them is the search's own.
    """
    call = dict(call or {})
    for name, why in OWN_ARGUMENTS.items():
        if name in call:
            raise Error(f"{where}: {name} is not to be given, {why}")
    return call


@dataclass(frozen=True)
class FoundPlan:
    """What a search gives.

    Attributes:
        plan: with its profile.
        density: of its run, executed cells over dense's.
        attention_share: of dense attention's time; equal to density where nothing was timed.
        predicted_error: comparable between plans of one profile.
        tries: of a search for min_psnr or min_speedup, what each plan's clips measured.
        seconds: of this call.
    """

    plan: Plan
    density: float
    attention_share: float
    predicted_error: float
    tries: tuple[SearchTry, ...]
    seconds: float

    @property
    def profile(self) -> Profile:
        """What was measured: enough for plans of other densities."""
        profile = profile_of(self.plan)
        assert profile is not None
        return profile

    @property
    def measured(self) -> float | None:
        """dB or dense seconds over sparse of the plan's clips; None where no clip was made by it."""
        found = [each.measured for each in self.tries if each.holds and abs(each.density - self.density) < 1e-9]
        return found[-1] if found else None

    def save(self, path: str | os.PathLike[str]) -> None:
        """As write_plan."""
        write_plan(path, self.plan)
