# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Puts a plan on a pipeline of diffusers, and takes it off again."""

import importlib.util
import os
import threading
import weakref
from collections.abc import Hashable
from types import TracebackType
from typing import Any

import torch

from twill_vdit.diffusers.networks import Network, network_of
from twill_vdit.diffusers.presets import Named, name_of_weights, preset_for
from twill_vdit.diffusers.reading import Reading
from twill_vdit.diffusers.sampling import SamplingRun, Steps, is_guided, shift_of
from twill_vdit.diffusers.transformer import Transformer
from twill_vdit.errors import Error
from twill_vdit.families import why_not
from twill_vdit.plan import Plan
from twill_vdit.plan_io import read_plan
from twill_vdit.running import (
    AS_SEARCHED,
    Adapting,
    Moment,
    Report,
    Run,
    Slider,
    SliderRun,
    adapting_for,
    choose_expert,
)

AUTO = "auto"

# Of two plans on a transformer the later holds.
_applied: "weakref.WeakKeyDictionary[torch.nn.Module, weakref.ref[AppliedPlan]]" = weakref.WeakKeyDictionary()


class AppliedPlan:
    """A plan on a pipeline, until remove(), or until the end of a `with`.

    Attributes:
        plan: as it was given.
        name: of it, as the user knows it.
    """

    def __init__(
        self,
        named: Named,
        pipeline: Any,
        transformers: list[tuple[Any, Network, int]],
        *,
        adapt: bool,
        speed_quality: float,
    ) -> None:
        """Use apply_plan.

        Args:
            named: the plan.
            pipeline: whose scheduler tells steps; None: a transformer alone. Held weakly.
            transformers: each with its class and which of the plan's experts it is. Held weakly.
            adapt: the plan is fitted to each clip.
            speed_quality: as apply_plan has it.
        """
        self.plan = named.plan
        self.name = named.name
        self._adapt = adapt
        self._speed_quality = speed_quality
        self._slider = Slider(named.plan, named.name)
        self._plans: dict[int, Plan] = {}  # of the run that goes on, by expert
        self._how = ""  # they came about
        self._pipeline = None if pipeline is None else weakref.ref(pipeline)
        self._lock = threading.Lock()
        first, network, _ = transformers[0]
        self._clock = network.clock(first.config)
        self._steps = Steps(pipeline, self._clock)
        self._model = f"{network.facts(first.config).name}, {network.shape(first)}"
        self._sampling: SamplingRun | None = None
        self._transformers = [Transformer(module, net, expert, self) for module, net, expert in transformers]
        for module, _, _ in transformers:
            before = _applied.get(module)
            earlier = None if before is None else before()
            if earlier is not None:
                earlier.remove()
        for transformer in self._transformers:
            transformer.attach()
        for module, _, _ in transformers:
            _applied[module] = weakref.ref(self)

    def report(self) -> Report:
        """What ran by the plan and what did not in the last sampling run, also while it goes on.

        Waits for the device where calls were timed. Before the first run its counts are 0.
        """
        with self._lock:
            if self._sampling is None:
                return Report(plan=self.name, model=self._model, settings=self._settings(""))
            return self._sampling.finish()

    def remove(self) -> None:
        """The pipeline is as it was before, to the last attribute. A second time nothing happens."""
        for transformer in self._transformers:
            transformer.detach()
            module = transformer.module
            held = None if module is None else _applied.get(module)
            if module is not None and held is not None and held() is self:
                del _applied[module]

    def __enter__(self) -> "AppliedPlan":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def is_guided(self) -> bool:
        """Whether the pipeline makes an unconditional half; False where there is none that says it."""
        return is_guided(None if self._pipeline is None else self._pipeline())

    def sampling(self, transformer: Transformer, reading: Reading, backend: str) -> tuple[SamplingRun, Run]:
        """As transformer.Runs has it."""
        with self._lock:
            if self._sampling is None or self._steps.begins(reading):
                self._sampling = SamplingRun(self._steps, Report(plan=self.name, model=self._model))
                self._steps.begin(reading, self._segments_at)
                self._choose_plans(reading)
                self._sampling.report.settings = self._settings("")
            sampling = self._sampling
            # The plan's own kernel computes dense segments where nobody chose another: CUDA graphs, and compiled
            # models in them, follow a plan from dense to sparse steps only so.
            kernel_when_dense = reading.device.type == "cuda" and not backend
            key: Hashable = transformer.expert, kernel_when_dense
            if key not in sampling.runs:
                sampling.runs[key] = self._run(transformer, sampling, kernel_when_dense)
            return sampling, sampling.runs[key]

    def _segments_at(self, moment: Moment) -> tuple[int, ...]:
        t = min(1.0, max(0.0, moment.t))
        return tuple(plan.segment_at(t) for plan in self._plans.values())

    def _choose_plans(self, reading: Reading) -> None:
        """Those of the run that begins. reading: of its first forward."""
        self._plans, self._how = {each.expert: self.plan for each in self._transformers}, ""
        if self._speed_quality == AS_SEARCHED:
            return
        if not self._steps.times and self._speed_quality < 1.0:
            self._how = f"speed-quality {self._speed_quality:g}: nobody says the steps, so the plan holds as it is"
            return
        pipeline = None if self._pipeline is None else self._pipeline()
        scheduler = getattr(pipeline, "scheduler", None)
        for expert in self._plans:
            asked = SliderRun(
                tuple(self._times_of(expert)), expert, reading.grid, type(scheduler).__name__, shift_of(scheduler)
            )
            self._plans[expert], self._how = self._slider.plan_for(self._speed_quality, asked)

    def _run(self, transformer: Transformer, sampling: SamplingRun, kernel_when_dense: bool) -> Run:
        adapting, unfit = self._adapting(transformer.expert)
        sampling.report.settings = self._settings(unfit)
        return Run(
            plan=self._plans[transformer.expert],
            expert=transformer.expert,
            shape=transformer.shape,
            kernel_when_dense=kernel_when_dense,
            may_ask_dense=True,
            adapting=adapting,
            report=sampling.report,
        )

    def _adapting(self, expert: int) -> tuple[Adapting | None, str]:
        """(what fits the plan to the clip, "") where that is wanted, or (None, why not)."""
        if not self._adapt:
            return None, ""
        if not self._steps.times:
            return None, "not adapted: nobody says the steps"
        times = self._times_of(expert)
        adapting, why = adapting_for(self.plan, times, expert)
        return adapting, f"not adapted: {why}" if why else ""

    def _times_of(self, expert: int) -> list[float]:
        pipeline = None if self._pipeline is None else self._pipeline()
        boundary = getattr(getattr(pipeline, "config", None), "boundary_ratio", None)
        times = self._steps.times
        if len(self._transformers) < 2 or boundary is None:
            return times
        noisier = self._transformers[0].expert == expert
        return [t for t in times if (t >= boundary) == noisier]

    def _settings(self, unfit: str) -> str:
        fitted = "the plan as it is" if not self._adapt or unfit else "the plan, fitted to each clip"
        parts = [self._how if self._how and (not self._adapt or unfit) else fitted, unfit]
        experts = self.plan.model.experts
        if len(experts) > 1:
            parts.append("experts " + ", ".join(experts[each.expert] for each in self._transformers))
        return "; ".join(part for part in parts if part)


def apply_plan(
    pipeline: Any,
    plan: "Plan | str | os.PathLike[str]",
    *,
    adapt: bool = False,
    speed_quality: float = AS_SEARCHED,
    expert: str | None = None,
) -> AppliedPlan:
    """Self-attention of a pipeline's transformer runs by a plan from now on.

    What the plan cannot serve runs as before, is counted by reason in the report, and told once as a warning of the
    logger "twill_vdit".

    Args:
        pipeline: of diffusers, or a transformer alone; with a transformer, a GPU is waited for once in every forward,
            as nobody else says where a run stands.
        plan: twill_vdit.Plan, the path of one, or "auto" for the package's own plan for this model.
        adapt: the plan, which must carry its profile, is fitted to each clip by a few of its own steps.
        speed_quality: 0 fastest, 0.5 the plan as it was searched, 1 dense; between them it is solved anew for the run's
            steps, which wants its profile.
        expert: of a plan for two experts, which one a transformer alone is: its name in the plan. A pipeline's two
            transformers are the noisier one and the other.

    Returns:
        The handle, which may be used in a `with`.

    Raises:
        Error: the plan cannot be read, is for another model, or there is none; diffusers has no such transformer, or
            none that plans know; speed_quality is not within 0..1.
    """
    if not 0.0 <= speed_quality <= 1.0:
        raise Error(f"speed_quality {speed_quality!r} is not within 0..1")
    if importlib.util.find_spec("diffusers") is None:
        raise Error("diffusers is not installed: pip install diffusers", "system")
    target = getattr(pipeline, "_orig_mod", pipeline)  # of torch.compile
    alone = isinstance(target, torch.nn.Module)
    transformers = [target] if alone else transformers_of(target)
    networks = [network_of(transformer) for transformer in transformers]
    known = [(module, network) for module, network in zip(transformers, networks, strict=True) if network is not None]
    if not known:
        names = ", ".join(sorted({type(module).__name__ for module in transformers})) or type(target).__name__
        raise Error(f"Twill knows no token layout of {names}", "model")
    named = _named_plan(plan, target, known)
    for module, network in known:
        reason = why_not(named.plan, network.facts(module.config), network.shape(module), named.name)
        if reason:
            raise Error(reason, "model")
    experts = _experts(named, len(known), expert)
    triples = [(module, network, which) for (module, network), which in zip(known, experts, strict=True)]
    return AppliedPlan(named, None if alone else target, triples, adapt=adapt, speed_quality=speed_quality)


def plan_on(transformer: torch.nn.Module) -> AppliedPlan | None:
    """The one that holds on a transformer."""
    held = _applied.get(transformer)
    return None if held is None else held()


def transformers_of(pipeline: Any) -> list[Any]:
    """Of a pipeline, as they are beneath torch.compile; the noisier of two experts first."""
    parts = getattr(pipeline, "components", {})
    names = [name for name in ("transformer", "transformer_2") if parts.get(name) is not None]
    return [getattr(parts[name], "_orig_mod", parts[name]) for name in names]


def _named_plan(plan: Any, target: Any, known: list[tuple[Any, Network]]) -> Named:
    if isinstance(plan, Plan):
        return Named(plan, plan.name)
    if plan == AUTO:
        module, network = known[0]
        return preset_for(network, module, len(known), name_of_weights(target, module))
    if not isinstance(plan, (str, os.PathLike)):
        raise Error(f"plan {plan!r} is neither a Plan, nor a path, nor {AUTO!r}")
    return Named(read_plan(plan), os.path.basename(os.fspath(plan)))


def _experts(named: Named, transformers: int, asked: str | None) -> list[int]:
    experts = named.plan.model.experts
    if asked is not None and (asked not in experts or transformers > 1):
        where = "the pipeline has both" if asked in experts else f"the plan has {', '.join(experts)}"
        raise Error(f'expert "{asked}": {where}')
    if asked is not None:
        return [experts.index(asked)]
    if len(experts) == 1:
        return [0] * transformers
    if transformers == 1:
        names = " or ".join(f'"{name}"' for name in experts)
        raise Error(f'the plan "{named.name}" is for two experts: say which one this is, expert={names}')
    return [choose_expert(experts, which, []) for which in ("high noise", "low noise")]
