# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Fits the plan of one sampling run to its clip, from what a few of its own steps show."""

import threading
import time

from .. import wheel
from .attention_call import AttentionCall, branches_of

NO_STEPS = "The plan was not adapted: this sampler tells no steps."


class Adapting:
    """profile: twill_vdit.search.Profile. times: t of the run's steps, descending; all are the expert's.

    Nothing is raised: after an error (`trouble`) the run goes on by the plan that it has. Measuring waits for the
    device.
    """

    def __init__(self, profile, times: list[float], expert: int) -> None:
        self._profile = profile
        self._times = times
        self._expert = expert
        self._lock = threading.Lock()  # several GPUs show their forwards at once
        self._run = None  # twill_vdit.search.AdaptiveRun, once the layout is known
        self._layout = None
        self._seen: set[tuple[int, int, int]] = set()  # stack, layer, branch of this step
        self._measured: list[int] = []  # steps, counted from 1
        self.seconds = 0.0
        self.trouble = ""

    @property
    def begun(self) -> bool:
        return self._layout is not None

    def begin(self, compiled):
        """compiled: the run's plan, where the clip is. The plan to start with, which is solved for its density there;
        None when another thread began before, or when there is none."""
        with self._lock:
            return None if self.begun else self._timed(self._begin, compiled)

    def _begin(self, compiled):
        self._layout = compiled.layout
        self._run = wheel.package("search").AdaptiveRun(
            self._profile,
            self._times,
            expert_at=[self._expert] * len(self._times),
            density=compiled.run_density(self._times, [self._expert] * len(self._times)),
            layout=compiled.layout,
            name=compiled.plan.name,
        )
        return self._run.plan

    def observe(self, call: AttentionCall, layout, site: tuple[int, int], options: dict) -> None:
        """Of a step's forwards, the first of each branch of the guidance."""
        with self._lock:
            if self._run is not None and not self.trouble and self._run.measuring and layout == self._layout:
                self._timed(self._observe, call, site, options)

    def _observe(self, call: AttentionCall, site: tuple[int, int], options: dict) -> None:
        stack, layer = site
        q, k, v = (x.detach() for x in (call.q, call.k, call.v))
        for branch, rows in branches_of(call, options):
            if (stack, layer, branch) in self._seen:
                continue
            self._seen.add((stack, layer, branch))
            self._run.observe(
                q[rows],
                k[rows],
                v[rows],
                layer=layer,
                stack=stack,
                expert=self._expert,
                branch=branch,
                scale=call.scale,
            )

    def finish_step(self):
        """The plan from here on, or None where it stays."""
        with self._lock:
            return None if self._run is None or self.trouble else self._timed(self._finish_step)

    def _finish_step(self):
        self._seen.clear()
        if self._run.step >= len(self._times) or not self._run.finish_step():
            return None
        self._measured.append(self._run.step)
        return self._run.plan

    def _timed(self, work, *args):
        begin = time.perf_counter()
        try:
            return work(*args)
        except Exception as error:
            text = str(error).strip().splitlines()
            self.trouble = f"{type(error).__name__}: {text[0] if text else 'no text'}"
            return None
        finally:
            self.seconds += time.perf_counter() - begin

    def note(self) -> str:
        """What the user should know of; empty when all went well."""
        if self.trouble:
            return f"The plan was adapted no further ({self.trouble})."
        return NO_STEPS if self._run is not None and not self._measured and len(self._times) > 1 else ""

    def text(self) -> str:
        if not self._measured:
            return "the plan was not adapted"
        steps = ", ".join(map(str, self._measured))
        return f"the plan was adapted to this clip after steps {steps}, in {self.seconds:.1f} s"
