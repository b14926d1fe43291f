# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Where a sampling run stands, without waiting for the GPU.

The sigmas of a run lie on the CPU before it begins, and samplers tell after each step that it is over. The sigma of a
forward therefore follows from the step: equal to the schedule's for samplers that call the model at the schedule's
sigmas, else between those of the neighbouring steps. Every forward's own sigma is copied to the CPU behind the work of
the GPU and compared when it has arrived. A sampler that calls between the schedule's sigmas is asked for the value in
steps where a segment begins or ends; one that tells no steps is asked for it in every forward, and the report says so.
"""

import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch

TOLERANCE = 1e-3  # relative; sigmas are fp32
NO_STEPS = "This sampler tells no steps, so the value of sigma was read from the device once per forward."


@dataclass(frozen=True)
class Moment:
    """One sigma of a run and its t: 1 noise, 0 clean."""

    sigma: float
    t: float


def can_read_at_once(sigma: torch.Tensor) -> bool:
    """On a CPU a value is there; on other devices than CUDA's there is no kernel whose work could go on meanwhile."""
    return sigma.device.type != "cuda"


class Arrival:
    """A copy of a forward's sigma on its way to the CPU."""

    def __init__(self, sigma: torch.Tensor, expected: int) -> None:
        self.expected = expected
        self._host = torch.empty(1, dtype=torch.float32, pin_memory=True)
        self._host.copy_(sigma.detach().float().max().reshape(1), non_blocking=True)
        self._event = torch.cuda.Event()
        self._event.record(torch.cuda.current_stream(sigma.device))

    def ready(self) -> bool:
        """Whether the value is there."""
        return bool(self._event.query())

    def value(self) -> float:
        """Once it is there."""
        return float(self._host[0])


class Schedule:
    """Where a run stands.

    Attributes:
        between: the sampler calls the model at sigmas of its own too.
        lost: the sampler tells no steps.
    """

    def __init__(
        self, sigmas: torch.Tensor, t_of: Callable[[float], float], kind_of: Callable[[Moment], Hashable]
    ) -> None:
        """A run's schedule.

        Args:
            sigmas: of the whole run, descending, the final one included; noise levels of any scale.
            t_of: sigma -> t.
            kind_of: what depends on the moment, to be told apart.
        """
        self._t_of = t_of
        self._known: dict[float, Moment] = {}
        self._moments = [self._moment(sigma) for sigma in sigmas.detach().float().cpu().tolist()]
        self._kind_of = kind_of
        self._step = 0
        self._lock = threading.Lock()
        self._arrivals: deque[Arrival] = deque()
        self.between = False  # the sampler calls the model at sigmas of its own too
        self.lost = False  # the sampler tells no steps

    def after_step(self, step: int) -> None:
        """The sampler has made this step, counted from 0."""
        self._step = step + 1

    def at(self, sigma: torch.Tensor) -> Moment:
        """The moment of a forward. sigma: [batch], on the model's device."""
        steps = self._moments[:-1]
        if can_read_at_once(sigma) or not steps:
            return self._read(sigma)
        step = min(self._step, len(steps) - 1)
        with self._lock:
            self._compare()
            around = steps[max(0, step - 1) : step + 2]
            if self.lost or (self.between and len({self._kind_of(moment) for moment in around}) > 1):
                return self._read(sigma)
            self._arrivals.append(Arrival(sigma, step))
        return self._moments[step]

    def _compare(self) -> None:
        while self._arrivals and self._arrivals[0].ready():
            arrived = self._arrivals.popleft()
            value, expected = arrived.value(), self._moments[arrived.expected].sigma
            if abs(value - expected) > TOLERANCE * expected:
                self.between = True
            if value < self._moments[arrived.expected + 1].sigma * (1 - TOLERANCE):
                self.lost = True

    def _read(self, sigma: torch.Tensor) -> Moment:
        return self._moment(float(sigma.detach().max()))

    def _moment(self, sigma: float) -> Moment:
        if sigma not in self._known:
            self._known[sigma] = Moment(sigma, self._t_of(sigma))
        return self._known[sigma]
