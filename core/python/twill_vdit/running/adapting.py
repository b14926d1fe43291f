# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Fits the plan of one sampling run to its clip, from what a few of its own steps show."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence

from twill_vdit.compiled_plan import CompiledPlan
from twill_vdit.layout import TokenLayout
from twill_vdit.plan import Plan
from twill_vdit.running.call import AttentionCall, Site
from twill_vdit.search import INT8_ERROR_SHARE, AdaptiveRun, Profile, profile_of

NO_STEPS = "The plan was not adapted: this sampler tells no steps."


class Adapting:
    """Fits a plan to one clip while it is made.

    Nothing is raised: after an error (`trouble`) the run goes on by the plan that it has. Measuring waits for the
    device.

    Attributes:
        seconds: that it took.
        trouble: the error that ended it; empty when there was none.
    """

    def __init__(self, profile: Profile, times: Sequence[float], expert: int) -> None:
        self._profile = profile
        self._times = list(times)
        self._expert = expert
        self._lock = threading.Lock()  # several GPUs show their forwards at once
        self._run: AdaptiveRun | None = None  # once the layout is known
        self._layout: TokenLayout | None = None
        self._seen: set[tuple[int, int, int]] = set()  # stack, layer, branch of this step
        self._measured: list[int] = []  # steps, counted from 1
        self.seconds = 0.0
        self.trouble = ""

    @property
    def begun(self) -> bool:
        """Whether a layout is known."""
        return self._layout is not None

    def begin(self, compiled: CompiledPlan) -> Plan | None:
        """The plan to start with, solved for the density that the run's plan has where the clip is.

        Args:
            compiled: the run's plan, at the clip's layout.

        Returns:
            None when another thread began before, or when there is none.
        """
        with self._lock:
            return None if self.begun else self._timed(self._begin, compiled)

    def _begin(self, compiled: CompiledPlan) -> Plan:
        self._layout = compiled.layout
        self._run = AdaptiveRun(
            self._profile,
            self._times,
            expert_at=[self._expert] * len(self._times),
            density=compiled.run_density(self._times, [self._expert] * len(self._times)),
            layout=compiled.layout,
            name=compiled.plan.name,
            # As the plan has heads in INT8, what it is adapted to has too.
            int8_error_share=INT8_ERROR_SHARE if compiled.int8_heads and self._profile.int8_error is not None else 0.0,
        )
        return self._run.plan

    def observe(self, call: AttentionCall, layout: TokenLayout, site: Site, branches: Sequence[int]) -> None:
        """Of a step's forwards, the first of each branch of the guidance.

        Args:
            call: before it is decided on.
            layout: of the call.
            site: of the call.
            branches: as AttentionCall.rows_of has them.
        """
        with self._lock:
            run = self._run
            if run is not None and not self.trouble and run.measuring and layout == self._layout:
                self._timed(self._observe, run, call, site, branches)

    def _observe(self, run: AdaptiveRun, call: AttentionCall, site: Site, branches: Sequence[int]) -> None:
        stack, layer = site
        q, k, v = (x.detach() for x in (call.q, call.k, call.v))
        for branch, rows in call.rows_of(branches):
            if (stack, layer, branch) in self._seen:
                continue
            self._seen.add((stack, layer, branch))
            run.observe(
                q[rows],
                k[rows],
                v[rows],
                layer=layer,
                stack=stack,
                expert=self._expert,
                branch=branch,
                scale=call.scale,
            )

    def finish_step(self) -> Plan | None:
        """The plan from here on, or None where it stays."""
        with self._lock:
            return None if self._run is None or self.trouble else self._timed(self._finish_step, self._run)

    def _finish_step(self, run: AdaptiveRun) -> Plan | None:
        self._seen.clear()
        if run.step >= len(self._times) or not run.finish_step():
            return None
        self._measured.append(run.step)
        return run.plan

    def _timed(self, work: Callable[..., Plan | None], *args: object) -> Plan | None:
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
        """What was done, for the report."""
        if not self._measured:
            return "the plan was not adapted"
        steps = ", ".join(map(str, self._measured))
        return f"the plan was adapted to this clip after steps {steps}, in {self.seconds:.1f} s"


def adapting_for(plan: Plan, times: Sequence[float], expert: int) -> tuple[Adapting | None, str]:
    """(what fits a plan to a run, "") or (None, why nothing does).

    Args:
        plan: that carries its profile.
        times: t of the run's steps, descending; all are the expert's.
        expert: of the run.
    """
    profile = profile_of(plan)
    if profile is None:
        return None, "the plan has no profile"
    if any(later >= t for t, later in itertools.pairwise(times)):
        return None, "the steps of this schedule do not go down"
    return Adapting(profile, times, expert), ""
