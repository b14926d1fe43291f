# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The sampling runs of a pipeline: where one begins, which step it is at, and what t its forwards have.

diffusers tells nobody of a run or a step. A run begins when its scheduler has other timesteps than before, as
set_timesteps makes them anew, and where there is no scheduler when t rises. The step is the scheduler's own index,
or where the timestep stands in the scheduler's tensor of which it is a view; schedulers that keep no index
(CogVideoX's) are followed by the latter. So no forward waits for the device, but where neither is told.
"""

import logging
import time
import weakref
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

import torch

from twill_vdit.diffusers.networks import Clock
from twill_vdit.diffusers.reading import Reading
from twill_vdit.running import Moment, Report, Run, Schedule

_log = logging.getLogger("twill_vdit")

RISES = 1e-6  # of t, more than it is rounded by
UNSEEN = (
    "forwards had no call of self-attention that could be seen: a cache left their blocks out, or CUDA graphs ran them."
)


class Steps:
    """Follows one scheduler, or none.

    Attributes:
        times: t of the run's steps; empty where no scheduler says them.
        schedule: of the run that goes on; None before the first.
    """

    def __init__(self, pipeline: Any, clock: Clock) -> None:
        """Before the first run.

        Args:
            pipeline: whose scheduler is followed, held weakly; None: a transformer alone.
            clock: of its transformer.
        """
        self._pipeline = None if pipeline is None else weakref.ref(pipeline)
        self._clock = clock
        self._timesteps: torch.Tensor | None = None
        self._last = 0.0  # t
        self.times: list[float] = []
        self.schedule: Schedule | None = None

    def _scheduler(self) -> Any:
        pipeline = None if self._pipeline is None else self._pipeline()
        return getattr(pipeline, "scheduler", None)

    def begins(self, reading: Reading) -> bool:
        """Whether a forward is the first of a run.

        Args:
            reading: of the forward; its level is waited for where no scheduler says when a run begins.
        """
        timesteps = getattr(self._scheduler(), "timesteps", None)
        if isinstance(timesteps, torch.Tensor):
            return timesteps is not self._timesteps
        return self.schedule is None or self._clock.t_of(float(reading.level.max())) > self._last + RISES

    def begin(self, reading: Reading, kind_of: Callable[[Moment], Hashable]) -> None:
        """A run.

        Args:
            reading: of its first forward.
            kind_of: as Schedule has it.
        """
        timesteps = getattr(self._scheduler(), "timesteps", None)
        self._timesteps = timesteps if isinstance(timesteps, torch.Tensor) else None
        levels = self._levels(reading)
        self.times = [self._clock.t_of(level) for level in levels]
        # The end of the last step is no forward's.
        self.schedule = Schedule(torch.tensor([*levels, 0.0]), self._clock.t_of, kind_of)

    def _levels(self, reading: Reading) -> list[float]:
        """Of the run's steps. reading: of its first forward; pipelines round them to what they compute in."""
        if self._timesteps is None:
            return []
        dtype = reading.timestep.dtype
        said = self._clock.level(self._timesteps.detach().cpu().to(dtype))
        if self._is_within(said):
            return _numbers(said)
        # Pipelines of Cosmos Predict 2 and 2.5 make the network's timestep of sigmas; their schedulers' timesteps are
        # of another range. Which way they do it the first forward says.
        sigmas = getattr(self._scheduler(), "sigmas", None)
        if not isinstance(sigmas, torch.Tensor) or len(sigmas) < len(said) or not dtype.is_floating_point:
            return []
        sigmas = sigmas[: len(said)].detach().double().cpu()
        first = float(reading.level.max())
        for levels in (sigmas, sigmas / (1.0 + sigmas)):
            levels = self._clock.level(levels.to(dtype))
            if self._is_within(levels) and abs(float(levels[0]) - first) <= 2.0 * torch.finfo(dtype).eps * first:
                return _numbers(levels)
        return []

    def _is_within(self, levels: torch.Tensor) -> bool:
        return all(-RISES <= self._clock.t_of(level) <= 1.0 + RISES for level in _numbers(levels))

    def at(self, reading: Reading) -> float:
        """t of a forward: the highest of its tokens."""
        assert self.schedule is not None
        step = self._step(reading.timestep)
        if step is not None:
            self.schedule.after_step(step - 1)
        self._last = self.schedule.at(reading.level).t
        return self._last

    def _step(self, timestep: torch.Tensor) -> int | None:
        """Counted from 0; None where it is not known."""
        timesteps = self._timesteps
        if timesteps is None or not self.times:
            return None
        if timestep.dtype == timesteps.dtype and _is_part(timestep, timesteps):
            return (timestep.data_ptr() - timesteps.data_ptr()) // timesteps.element_size()
        scheduler = self._scheduler()
        index = getattr(scheduler, "step_index", None)
        if index is None:
            index = getattr(scheduler, "begin_index", None) or 0
        return int(index)


def _numbers(levels: torch.Tensor) -> list[float]:
    numbers: list[float] = levels.tolist()
    return numbers


def _is_part(view: torch.Tensor, whole: torch.Tensor) -> bool:
    begin, end = whole.data_ptr(), whole.data_ptr() + whole.numel() * whole.element_size()
    return view.device == whole.device and begin <= view.data_ptr() < end


def shift_of(scheduler: Any) -> float | None:
    """Of a flow's schedule, where a scheduler has one of its own."""
    config = getattr(scheduler, "config", {})
    shift = None if config.get("use_dynamic_shifting") else config.get("shift", config.get("flow_shift"))
    return None if shift is None else float(shift)


def is_guided(pipeline: Any) -> bool:
    """Whether a pipeline makes an unconditional half in the call that goes on; False where it does not say."""
    said = getattr(pipeline, "do_classifier_free_guidance", None)
    # CogVideoX's keep the scale only.
    return bool(said) if said is not None else float(getattr(pipeline, "_guidance_scale", None) or 0.0) > 1.0


def branches_of(in_batch: bool, guided: bool, forward_of_step: int) -> Sequence[int]:
    """Of the guidance, for each equal part of a forward's batch: 0 conditional, 1 unconditional.

    Args:
        in_batch: both halves are in one batch, the unconditional first, as diffusers joins them.
        guided: there are both.
        forward_of_step: counted from 0; pipelines that make two forwards begin with the conditional one.
    """
    if in_batch:
        return (1, 0) if guided else (0,)
    return (min(forward_of_step, 1),)


class SamplingRun:
    """One sampling run, of one transformer or of two that share it."""

    def __init__(self, steps: Steps, report: Report) -> None:
        """A run that begins.

        Args:
            steps: of the run.
            report: that all its transformers count in.
        """
        self.steps = steps
        self.report = report
        self.runs: dict[Hashable, Run] = {}
        self._begin = self._end = time.perf_counter()
        self._unseen = 0
        self._told: set[str] = set()

    def forward_ended(self, *, seen: bool) -> None:
        """After each forward. seen: it had calls of self-attention."""
        self._end = time.perf_counter()
        self._unseen += not seen
        for why in self.report.fallbacks:
            if why not in self._told:
                self._told.add(why)
                _log.warning("Twill: attention runs dense against the plan: %s", why)

    def finish(self) -> Report:
        """What was counted so far, as it stands; a run does not say when it is over."""
        report, judged = self.report, None
        for run in self.runs.values():
            run.finish(self.steps.schedule)
            judged = report.judged or judged
        report.judged = judged
        report.seconds = self._end - self._begin
        notes = [note for note in report.notes if not note.endswith(UNSEEN)]
        report.notes = notes + [f"{self._unseen} {UNSEEN}"] * (self._unseen > 0)
        counts = {name: getattr(report, name).copy() for name in ("dense", "not_int8", "forms", "notes")}
        return replace(report, **counts)
