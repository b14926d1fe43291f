# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""search_plan: one search of twill_vdit.search.SearchRun, with a pipeline of diffusers as its host."""

import importlib.util
import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

import twill_vdit
from twill_vdit import search
from twill_vdit.diffusers.apply import apply_plan, plan_on, transformers_of
from twill_vdit.diffusers.networks import Network, network_of
from twill_vdit.diffusers.presets import name_of_weights, traits_of
from twill_vdit.diffusers.sampling import shift_of
from twill_vdit.diffusers.searching.clips import Clips
from twill_vdit.diffusers.searching.fingerprint import fingerprint, weights_fingerprint
from twill_vdit.diffusers.searching.gains import BY_OUTPUT, BY_STREAM, can_ask
from twill_vdit.diffusers.searching.request import (
    Cancelled,
    FoundPlan,
    Goal,
    Progress,
    Stop,
    checked_call,
    goal_of,
)
from twill_vdit.diffusers.searching.showing import Probe, Showing, shorter
from twill_vdit.diffusers.searching.watching import Seen, Watch
from twill_vdit.errors import Error
from twill_vdit.layout import TokenLayout
from twill_vdit.plan import ModelShape, Plan, StackShape

EXPERTS = ("high_noise", "low_noise")
SHORT_SECONDS = 5.0  # below it one timing says little


def search_plan(
    pipeline: Any,
    prompts: Sequence[str | Mapping[str, Any]],
    *,
    density: float | None = None,
    attention_share: float | None = None,
    min_psnr: float | None = None,
    min_speedup: float | None = None,
    call: Mapping[str, Any] | None = None,
    seed: int = 0,
    points: int = 10,
    stripes: bool = True,
    int8: bool = True,
    name: str = "",
    progress: Callable[[Progress], None] = lambda progress: None,
    stop: Stop = lambda: False,
    resume: str | os.PathLike[str] | None = None,
) -> FoundPlan:
    """A plan for a pipeline's model, found in clips that the pipeline makes here.

    The pipeline is afterwards as it was.

    Args:
        pipeline: of diffusers.
        prompts: texts, or arguments of the pipeline's call; a clip is made of each.
        density: executed query-key cells over dense's, of the run; exactly one of these four is given.
        attention_share: of dense attention's time; candidates are timed for it.
        min_psnr: in dB, of clips by the plan against dense ones.
        min_speedup: of the denoising loop, dense seconds over sparse.
        call: further arguments of the pipeline's call: size, frames, steps, guidance.
        seed: of the first clip's noise; each further clip has the next.
        points: steps that are measured.
        stripes: a shorter clip is made first, for its attention maps, which say what stripes are offered to the heads.
        int8: heads may compute in INT8, where the device is faster so.
        name: of the plan; empty: its budget.
        progress: is told before each step of a clip.
        stop: asked before each call of attention; an event's is_set, or a function.
        resume: a folder where what was measured is kept; a second call of the same search goes on with it. None:
            nothing is kept.

    Raises:
        Cancelled: stop said so; what was measured is kept.
        Error: something that is asked for is not to be had, in one sentence.
    """
    if importlib.util.find_spec("diffusers") is None:
        raise Error("diffusers is not installed: pip install diffusers", "system")
    goal = goal_of(density=density, attention_share=attention_share, min_psnr=min_psnr, min_speedup=min_speedup)
    if isinstance(pipeline, torch.nn.Module):
        what = f"search_plan wants a pipeline, which makes clips; {type(pipeline).__name__} is a transformer alone"
        raise Error(what)
    if isinstance(prompts, (str, Mapping)) or not prompts:
        raise Error(f"prompts {prompts!r} is no list of prompts")
    clips = Clips(
        pipeline,
        [
            {"prompt": each} if isinstance(each, str) else checked_call(each, f"prompts[{number}]")
            for number, each in enumerate(prompts)
        ],
        checked_call(call, "call"),
        [(seed + number) % (1 << 64) for number in range(len(prompts))],
    )
    with tempfile.TemporaryDirectory() if resume is None else nullcontext(os.fspath(resume)) as folder:
        searching = Searching(clips, goal, Path(folder), progress, stop)
        searching.begin(points=points, stripes=stripes, int8=int8, name=name)
        return searching.result()


class Searching:
    """One search from its begin to its plan."""

    def __init__(
        self, clips: Clips, goal: Goal, folder: Path, progress: Callable[[Progress], None], stop: Stop
    ) -> None:
        """Nothing is made yet.

        Args:
            clips: that are made.
            goal: of the plan.
            folder: of what is kept.
            progress: as search_plan's.
            stop: as search_plan's.

        Raises:
            Error: the pipeline has no transformer that plans know, or there is a plan on it.
        """
        self._clips = clips
        self._goal = goal
        self._folder = folder
        self._tell = progress
        self._stop: Callable[[], bool] = stop if callable(stop) else stop.is_set
        self._begin = time.monotonic()
        self._dense: dict[int, Any] = {}  # frames of the dense clips, by prompt
        pipeline = clips.pipeline
        self._transformers = _known(pipeline)
        self._first, self._network = self._transformers[0]
        for module, _ in self._transformers:
            on = plan_on(module)
            if on is not None:
                raise Error(f'the plan "{on.name}" is on this pipeline; remove it before a search')
        self._gain = BY_STREAM if all(can_ask(net, module) for module, net in self._transformers) else BY_OUTPUT
        self._boundary = getattr(getattr(pipeline, "config", None), "boundary_ratio", None)
        if len(self._transformers) > 1 and self._boundary is None:
            raise Error("the pipeline has two transformers and no boundary_ratio, which says when the second runs")
        if goal.name == "min_psnr" and getattr(pipeline, "vae", None) is None:
            raise Error("min_psnr compares frames; the pipeline has no VAE")

    def begin(self, *, points: int, stripes: bool, int8: bool, name: str) -> None:
        """What must be known of the clips, and the search."""
        call = self._clips.call
        # Where padding is left out of attention, prompts and the halves of the guidance differ in their tokens.
        prompts = range(len(self._clips.prompts) if self._network.valid_text is not None else 1)
        probes = [self._probed(prompt) for prompt in prompts]
        self._layout = probes[0][1]
        for _, layout, _ in probes[1:]:
            self._layout = shorter(self._layout, layout)
        self._times, _, probe = probes[0]
        steps = int(call.get("num_inference_steps", len(self._times)))
        maps_steps = search.map_steps(steps)
        stripes = stripes and "timesteps" not in call and "sigmas" not in call
        maps_run = None
        if stripes:
            maps_run = self._facts(self._probed(0, num_inference_steps=maps_steps)[0], maps_steps)
        self._maps_steps = maps_steps
        self._device, self._dtype = probe.device, probe.dtype
        head_dim = self._network.shape(self._first).head_dim
        provenance = self._provenance()
        facts = self._facts(self._times, steps)
        names = [_name_of(prompt) for prompt in self._clips.prompts]
        key = fingerprint([sorted(provenance.items()), repr(facts), repr(maps_run), self._boundary, names, points])
        work = self._folder / key
        work.mkdir(parents=True, exist_ok=True)
        goal: dict[str, Any] = {"target": self._goal.target} if self._goal.target else {"share": self._goal.value}
        self.run = search.SearchRun(
            self._model(),
            facts,
            prompts=names,
            seeds=self._clips.seeds,
            clip_key=key,
            work=work,
            layout=self._layout,
            maps_run=maps_run,
            expert_boundary=self._boundary if len(self._transformers) > 1 else None,
            points=points,
            int8=int8 and twill_vdit.has_int8_kernel(self._device, self._dtype, head_dim),
            budget=self._goal.budget,
            name=name,
            provenance=provenance,
            device=f"{_device_name(self._device)}, {self._dtype}",
            **goal,
        )

    def result(self) -> FoundPlan:
        """The search's work, and its plan."""
        while (work := self.run.next()) is not None:
            match work:
                case search.ClipWork():
                    self._show(work)
                    self.run.clip_made()
                case search.CostWork():
                    self.run.costs_measured(self._costs_of(work.profile))
                case search.QualityWork():
                    self.run.quality_measured(self._quality(work))
                case search.SecondsWork():
                    stage = "dense clip for its time" if work.plan is None else f"try {work.number} of {work.of}"
                    self.run.seconds_measured(self._seconds(work.plan, stage))
        found = self.run.result({})
        seconds = time.monotonic() - self._begin
        numbers = found.density, found.attention_share, found.predicted_error
        return FoundPlan(found.plan, *numbers, tuple(self.run.tries), seconds)

    def _probed(self, prompt: int, **more: Any) -> tuple[list[float], TokenLayout, Probe]:
        """t of each step of a clip, its layout, and what else its first call says."""
        self._check_stop()
        probe = Probe(whole_step=self._network.valid_text is not None)
        times: list[float] = []

        def on_call(seen: Seen) -> None:
            times[:] = watch.times
            probe.on_call(seen)

        def on_forward() -> None:
            if probe.layout is None:
                raise Error(
                    f"no self-attention was seen in the first forward of {type(self._first).__name__}: its attention "
                    "processors are not those that Twill knows, or a cache left its blocks out",
                    "model",
                )

        with Watch(self._clips.pipeline, self._transformers, on_call, on_forward) as watch, eagerly():
            self._clips.make(prompt, **more)
        assert probe.layout is not None
        if not times:
            scheduler = type(self._clips.pipeline.scheduler).__name__
            raise Error(f"{scheduler} does not say t of the run's steps, which a search must know", "unsupported")
        return times, probe.layout, probe

    def _show(self, work: search.ClipWork) -> None:
        maps = work.purpose == "maps"
        stage = "attention maps" if maps else f"profile prompt {work.prompt + 1} of {len(self._clips.prompts)}"
        decoded = not maps and self._goal.name == "min_psnr"
        step = self._stepper(stage, len(work.t))
        showing = Showing(self.run, work, self._layout, whole=decoded, after_step=step)
        if not showing.is_wanted:
            return

        def on_call(seen: Seen) -> None:
            self._check_stop()
            showing.on_call(seen)

        more = {"num_inference_steps": self._maps_steps} if maps else {}
        step(0)
        with Watch(self._clips.pipeline, self._transformers, on_call) as watch, eagerly():
            clip = self._clips.make(work.prompt, decoded=decoded, **more)
        showing.clip_over()
        if decoded:
            self._dense[work.prompt] = clip
        step(len(watch.times))

    def _quality(self, work: search.QualityWork) -> float:
        """dB of a clip by a plan; infinite for equal clips."""
        sparse = self._by_plan(work.plan, work.prompt, f"{work.purpose} {work.number} of {work.of}", decoded=True)
        return psnr_db(self._dense[work.prompt], sparse)

    def _by_plan(self, plan: Plan | None, prompt: int, stage: str, *, decoded: bool) -> Any:
        """Frames of a clip, or seconds of its loop; dense without a plan."""
        forwards = 0

        def before(module: torch.nn.Module, args: Any) -> None:
            nonlocal forwards
            self._check_stop()
            self._show_progress(stage, forwards, 0)
            forwards += 1

        handles = [module.register_forward_pre_hook(torch.compiler.disable(before)) for module, _ in self._transformers]
        try:
            with nullcontext() if plan is None else apply_plan(self._clips.pipeline, plan) as applied:
                made = self._clips.make(prompt, decoded=True) if decoded else self._clips.seconds(prompt)
                trouble = "" if applied is None else applied.report().trouble()
        finally:
            for handle in handles:
                handle.remove()
        if trouble:
            raise Error(trouble, "unsupported")
        return made

    def _seconds(self, plan: Plan | None, stage: str) -> float:
        """After a clip that warms up what is made once; of short clips the best of three."""
        self._by_plan(plan, 0, stage, decoded=False)
        taken: list[float] = []
        while not taken or (len(taken) < 3 and sum(taken) < SHORT_SECONDS):
            taken.append(self._by_plan(plan, 0, stage, decoded=False))
        return min(taken)

    def _costs_of(self, profile: search.Profile) -> search.CostTable:
        total, done = search.COST_ROUNDS * profile.candidate_count, 0

        def check() -> None:
            nonlocal done
            self._check_stop()
            self._show_progress("time the candidates", done, total)
            done += 1

        profile.measure_costs(self._device, self._dtype, check)
        assert profile.costs is not None
        return profile.costs

    def _facts(self, times: list[float], steps: int) -> search.RunFacts:
        scheduler = self._clips.pipeline.scheduler
        return search.RunFacts(tuple(times), steps, sampler=type(scheduler).__name__, shift=shift_of(scheduler))

    def _model(self) -> ModelShape:
        network, first = self._network, self._first
        facts, shape = network.facts(first.config), network.shape(first)
        count = len(self._transformers)
        traits = traits_of(network, first, count)
        kind = facts.models(traits, name_of_weights(self._clips.pipeline, first))[0]
        if not facts.knows(kind):  # a relative, whose plans are for its own weights
            kind = f"{facts.plan_families[0]}-{kind}"
        stacks = tuple(
            StackShape(name, layers, heads)
            for name, (layers, heads) in zip(facts.stack_names, shape.stacks, strict=False)
        )
        return ModelShape(kind, EXPERTS if count > 1 else ("default",), stacks, shape.head_dim)

    def _provenance(self) -> dict[str, str]:
        """What decides the numbers; a search of another provenance is not gone on with."""
        pipeline, layout = self._clips.pipeline, self._layout
        weights = "+".join(weights_fingerprint(module) for module, _ in self._transformers)
        return {
            "model": f"{type(self._first).__name__} {weights}",
            "weights": name_of_weights(pipeline, self._first),
            "pipeline": type(pipeline).__name__,
            "scheduler": f"{type(pipeline.scheduler).__name__} {fingerprint(dict(pipeline.scheduler.config))}",
            "dtype": str(self._dtype).removeprefix("torch."),
            "call": fingerprint(self._clips.call),
            "seed": str(self._clips.seeds[0]),
            "tokens": f"{layout.prefix}+{layout.frames}x{layout.rows}x{layout.cols}+{layout.suffix}",
            "prompts": str(len(self._clips.prompts)),
            "gain": self._gain,
            "source": "a search of our own (search_plan in diffusers)",
            "twill": twill_vdit.__version__,
        }

    def _stepper(self, stage: str, total: int) -> Callable[[int], None]:
        return lambda done: self._show_progress(stage, done, total)

    def _show_progress(self, stage: str, done: int, total: int) -> None:
        self._tell(Progress(stage, done, total or len(self._times), time.monotonic() - self._begin))

    def _check_stop(self) -> None:
        if self._stop():
            raise Cancelled("the search was stopped; what was measured is kept where resume= says")


def _known(pipeline: Any) -> list[tuple[Any, Network]]:
    modules = transformers_of(pipeline)
    found = [(module, network) for module in modules if (network := network_of(module)) is not None]
    if not found or len(found) < len(modules):
        names = ", ".join(sorted({type(module).__name__ for module in modules})) or type(pipeline).__name__
        raise Error(f"Twill knows no token layout of {names}; it cannot search for it", "model")
    if len(found) > 1 and found[0][1].shape(found[0][0]) != found[1][1].shape(found[1][0]):
        raise Error("the two transformers are not experts of one model: their layers or heads differ", "model")
    return found


def _name_of(prompt: Mapping[str, Any]) -> str:
    text = prompt.get("prompt")
    return text if isinstance(text, str) and len(prompt) == 1 else f"arguments {fingerprint(prompt)}"


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def eagerly() -> Any:
    """Compiled models run as they were written: what a forward is measured by is not compiled into them."""
    set_stance = getattr(torch.compiler, "set_stance", None)  # torch 2.6
    return nullcontext() if set_stance is None else set_stance("force_eager")


def psnr_db(one: Any, other: Any) -> float:
    """Of 8-bit RGB over whole clips; infinite for equal ones. [..., 3] within 0..1."""
    a, b = (torch.as_tensor(x).double().clamp(0, 1).mul(255).round() for x in (one, other))
    error = (a - b).square().mean().item()
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)
