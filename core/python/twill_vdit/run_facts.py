# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""What code reads of where a plan or a profile comes from; provenance is beside it, for people."""

from dataclasses import dataclass

# (t, expert, weight, sampler, scheduler, shift, (frames, rows, cols), steps), as the binary module takes a run.
RunTuple = tuple[list[float], list[int], list[float], str | None, str | None, float | None, tuple[int, int, int], int]


@dataclass(frozen=True)
class RunFacts:
    """The run that a plan was solved for, or that a profile was measured in.

    Attributes:
        t: of every forward, in the run's order, which never rises.
        steps: that the sampler was asked for.
        sampler: in the words of the program that ran the model; nothing looks them up.
        scheduler: as sampler; None: the sampler's own times.
        shift: None: the model has none, or nobody knows it.
        grid: frames, rows and columns of tokens; None: the profiled layout's.
        expert: of each t; empty: the model has one, or its expert_boundary says it.
        weight: of each t, times w(t); empty: as the distances between the t say.
    """

    t: tuple[float, ...]
    steps: int
    sampler: str | None = None
    scheduler: str | None = None
    shift: float | None = None
    grid: tuple[int, int, int] | None = None
    expert: tuple[int, ...] = ()
    weight: tuple[float, ...] = ()

    def as_tuple(self) -> RunTuple:
        """As the binary module takes it."""
        grid = self.grid or (0, 0, 0)
        words = self.sampler, self.scheduler, self.shift
        return (list(self.t), list(self.expert), list(self.weight), *words, grid, self.steps)


@dataclass(frozen=True)
class Budget:
    """What a plan was asked to be.

    Attributes:
        goal: "density", "attention_share", "min_psnr_db" or "min_speedup".
        value: a share, decibels, or a ratio.
        density: that the plan came to over its run, where it says so.
    """

    goal: str
    value: float
    density: float | None = None

    def __str__(self) -> str:
        asked = f"{self.goal} {self.value:g}"
        return asked if self.density is None or self.goal == "density" else f"{asked}, at density {self.density:g}"


@dataclass(frozen=True)
class Facts:
    """The typed facts of a plan or of a profile, as far as it has them.

    Attributes:
        run: that the plan was solved for, or that the profile was measured in.
        budget: of a plan.
        expert_boundary: the t below which the second of two experts runs.
    """

    run: RunFacts | None = None
    budget: Budget | None = None
    expert_boundary: float | None = None

    def shown(self) -> dict[str, str]:
        """As text for people, by key."""
        shown: dict[str, str] = {}
        if self.run is not None:
            run = self.run
            words = {"steps": run.steps, "sampler": run.sampler, "scheduler": run.scheduler, "shift": run.shift}
            shown = {key: str(value) for key, value in words.items() if value is not None}
            shown["t"] = " ".join(f"{t:g}" for t in run.t)
            if run.grid is not None:
                shown["grid"] = "x".join(map(str, run.grid))
        if self.budget is not None:
            shown["budget"] = str(self.budget)
        if self.expert_boundary is not None:
            shown["expert_boundary"] = f"{self.expert_boundary:g}"
        return shown
