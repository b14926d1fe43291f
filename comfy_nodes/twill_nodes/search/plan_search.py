# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Search Plan's work: profile while a sampler makes clips, solve, and try plans by clips where that was wished for."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

import twill_vdit
from twill_vdit import search
from twill_vdit.families import NetworkShape, TextTokens

from .. import plan_store
from ..layouts import Family, family_of
from ..memory import is_out_of_memory
from ..patch.apply import network_of, shift_of
from ..patch.timestep import t_of_schedule
from ..plan_store import file_name_of
from .clips import Clips, Part
from .request import Progress, SearchRequest, SearchResult, SearchStoppedError, Try, Wish
from .watcher import StepWatcher, not_followed
from .weights_hash import weights_hash

EXPERTS = ("high_noise", "low_noise")
TARGETS = {Wish.PSNR: "psnr", Wish.SPEEDUP: "speedup"}  # that clips are made for, in the package's words
MOST_DB = 100.0  # that is shown of equal clips


class PlanSearch:
    """One search of twill_vdit.search.SearchRun, with ComfyUI's sampler as its host.

    What was measured is kept in `work` between runs of the same request.
    """

    def __init__(self, request: SearchRequest, tell: Callable[[Progress], None]) -> None:
        self.request = request
        self.tell = tell
        self.begin = time.monotonic()
        self.models = [request.model] + ([request.low_noise] if request.low_noise is not None else [])
        network = network_of(request.model)
        family = family_of(network)
        if family is None:
            raise ValueError(f"Twill knows no token layout of {type(network).__name__}; it cannot search for it")
        if request.target.wish is Wish.PSNR and request.vae is None:
            raise ValueError("a target in PSNR compares frames; connect the model's VAE")
        self.family: Family = family
        self.shape: NetworkShape = family.shape(network)
        for model in self.models[1:]:
            if family_of(network_of(model)) is not family or family.shape(network_of(model)) != self.shape:
                raise ValueError("the two models are not experts of one model: their layers or heads differ")
        self.sampling = request.model.get_model_object("model_sampling")
        self.times = self._times_of(request.steps)
        self.shift = shift_of(self.sampling)
        self.provenance = self._provenance()
        self.work = self._work()
        self.clips = Clips(request, self.models)
        self.search = self._search_run()
        self.profiler = None
        self._layout: twill_vdit.TokenLayout | None = None  # of the profiler
        self.resumed = 0
        self.estimated = False
        self.attention: tuple | None = None  # (device, dtype)
        self.dense: dict[int, dict] = {}  # latents of the dense clips, by prompt
        self.frames: dict[int, torch.Tensor] = {}  # of them, where they were decoded
        self._stage_begin = self.begin

    def run(self) -> SearchResult:
        """Raises ValueError, SearchStoppedError, or torch.OutOfMemoryError, at which ComfyUI frees memory."""
        try:
            return self._search()
        except (MemoryError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise torch.OutOfMemoryError(
                    "Search Plan ran out of memory. What was measured is kept: free some and queue again to go on, or "
                    "search on a smaller clip, as a plan fits every size of its model."
                ) from error
            raise

    def _search(self) -> SearchResult:
        note = ""
        while (work := self._next()) is not None:
            try:
                self._do(work)
            except SearchStoppedError:
                if not self.search.take_best():
                    raise
                note = f"The time limit ended the search after {len(self._tries())} tries; the best of them is saved."
        gain = "of the attention output alone" if self.estimated else "through output projection and gate"
        solution = self.search.result({"gain": gain})
        file, loaded = self._write(solution.plan)
        seconds = time.monotonic() - self.begin
        return SearchResult(loaded, self.dense[0], file, seconds, solution.density, self._tries(), note)

    def _next(self):
        try:
            return self.search.next()
        except twill_vdit.Error as error:
            tries = self._tries()
            if error.code != "unsupported" or not tries or any(each.holds for each in tries):
                raise
            target = self.request.target
            unit = " dB" if target.wish is Wish.PSNR else "x"
            nearest = max(each.measured for each in tries)
            raise ValueError(
                f"{target} was not reached in {len(tries)} tries (measured, it takes {self.search.wanted:.2f}{unit}); "
                f"the nearest had {nearest:.2f}{unit}. Ask for less."
            ) from error

    def _do(self, work) -> None:
        match work:
            case search.ClipWork():
                latent = self._run_profiled(work)
                self.search.clip_made()
                if work.purpose == "profile":
                    self.dense[work.prompt] = latent
            case search.CostWork():
                self.search.costs_measured(self._costs_of(work.profile))
            case search.QualityWork():
                step, dense = self._stepper(f"try {work.number}"), self.dense[work.prompt]
                self.search.quality_measured(
                    self.clips.psnr_db(work.prompt, work.plan, self.times, dense, self.frames, step)
                )
            case search.SecondsWork():
                step = self._stepper("dense clip for its time" if work.plan is None else f"try {work.number}")
                self.search.seconds_measured(self.clips.seconds(work.plan, self.times, step))

    def _tries(self) -> list[Try]:
        return [Try(each.density, min(each.measured, MOST_DB), each.holds) for each in self.search.tries]

    def _write(self, plan) -> tuple[Path, plan_store.LoadedPlan]:
        folder = plan_store.own_folder()
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.request.name}.json"
        twill_vdit.write_plan(file, plan)
        return file, plan_store.LoadedPlan(file.name, str(file), plan_store.stamp_of(file), plan)

    def _run_profiled(self, work) -> dict:
        """The latent of a dense clip, whose steps are shown to the search."""
        self._stage_begin = unit_begin = time.monotonic()
        self.profiler = None
        shown = dict(work.shown)
        times = list(work.t)

        def profiler_at(grid: tuple[int, int, int], beside: TextTokens):
            frames, rows, cols = grid
            layout = twill_vdit.TokenLayout(
                frames=frames, rows=rows, cols=cols, prefix=beside.prefix, suffix=beside.suffix
            )
            if self.profiler is None or layout != self._layout:
                self._layout, self.profiler = layout, self.search.profiler(layout)
                if work.purpose == "profile" and work.prompt == 0:
                    count = range(len(self.profiler.t))
                    self.resumed = sum(self.profiler.done(i, p) for i in count for p in range(self._prompts))
            return self.profiler

        def finish_unit(t_index: int) -> None:
            nonlocal unit_begin
            now = time.monotonic()
            self.search.finish_unit(t_index, now - unit_begin)
            unit_begin = now

        def patched(part: Part):
            watcher = StepWatcher(self.family, self.shape, part, times, shown, work.prompt, profiler_at, finish_unit)
            watcher.after_step = lambda done: self.after_step(stage, done, len(times))
            watchers.append(watcher)
            return watcher.patched

        maps = work.purpose == "maps"
        alone = f"profile prompt {work.prompt + 1} of {self._prompts}" if self._prompts > 1 else "profile"
        stage = "attention maps" if maps else alone
        steps = search.map_steps(self.request.steps) if maps else self.request.steps
        watchers: list[StepWatcher] = []
        latent = self.clips.make(work.prompt, steps, times, patched, lambda: watchers[-1].finish_unit())
        for step, t_index in shown.items():
            if self.profiler is not None and not self.profiler.done(t_index, work.prompt):
                raise not_followed(times, step)
        self.estimated |= any(watcher.override.estimated for watcher in watchers)
        self.attention = watchers[0].override.attention
        return latent

    def _times_of(self, steps: int) -> list[float]:
        """t of each step as KSampler makes them: for some samplers it leaves out the last sigma but one."""
        import comfy.samplers

        sampler = comfy.samplers.KSampler(
            self.request.model, steps, "cpu", self.request.sampler_name, self.request.scheduler
        )
        return t_of_schedule(self.sampling, sampler.sigmas)

    def _run_facts(self, times: list[float], steps: int) -> search.RunFacts:
        """What the sampler is asked for, in ComfyUI's own words, and the t that it has."""
        return search.RunFacts(
            tuple(times), steps, sampler=self.request.sampler_name, scheduler=self.request.scheduler, shift=self.shift
        )

    @property
    def _prompts(self) -> int:
        return len(self.request.positives)

    def _search_run(self) -> search.SearchRun:
        request, target = self.request, self.request.target
        of_clips = target.wish in TARGETS
        maps_steps = search.map_steps(request.steps)
        return search.SearchRun(
            self._model_shape(),
            self._run_facts(self.times, request.steps),
            prompts=[f"conditioning {conditioning_hash(positive)}" for positive in request.positives],
            seeds=[self.clips.seed_of(prompt) for prompt in range(self._prompts)],
            clip_key=self.work.name,
            work=self.work,
            maps_run=self._run_facts(self._times_of(maps_steps), maps_steps) if request.stripes else None,
            expert_boundary=request.boundary if len(self.models) > 1 else None,
            points=request.points,
            int8=request.int8 and self._computes_int8(),
            budget="density" if target.wish in (Wish.DENSITY, Wish.PSNR) else "attention_share",
            name=request.name,
            provenance=self.provenance,
            device=self._device_name(),
            **{"target": search.SearchTarget(TARGETS[target.wish], target.value)}
            if of_clips
            else {"share": target.value},
        )

    def _computes_int8(self) -> bool:
        model = self.request.model
        dtype = getattr(model.model, "manual_cast_dtype", None) or getattr(network_of(model), "dtype", None)
        return dtype is not None and twill_vdit.has_int8_kernel(model.load_device, dtype, self.shape.head_dim)

    def _model_shape(self) -> twill_vdit.ModelShape:
        stacks = tuple(
            twill_vdit.StackShape(name, layers, heads)
            for name, (layers, heads) in zip(self.family.facts.stack_names, self.shape.stacks, strict=False)
        )
        experts = EXPERTS if len(self.models) > 1 else ("default",)
        kinds = self.family.kinds_of(network_of(self.request.model), file_name_of(self.request.model))
        # Two experts are Wan 2.2's.
        kind = next((each for each in kinds if "2.2" in each), kinds[0]) if len(experts) > 1 else kinds[0]
        return twill_vdit.ModelShape(kind, experts, stacks, self.shape.head_dim)

    def _device_name(self) -> str:
        """Of the times that are kept, which hold on such a device and in this dtype only."""
        import comfy.model_management

        device = comfy.model_management.get_torch_device_name(self.request.model.load_device)
        return f"{device}, {self.provenance['dtype']}"

    def _costs_of(self, profile: search.Profile) -> search.CostTable:
        """Of every candidate, timed."""
        total, done = search.COST_ROUNDS * profile.candidate_count, 0
        begin = time.monotonic()

        def check() -> None:
            nonlocal done
            self._check_stop("candidates were timed", done, total)
            self._show("time the candidates", done, total, (time.monotonic() - begin) / max(done, 1) * (total - done))
            done += 1

        profile.measure_costs(*self.attention, check)
        return profile.costs

    def _stepper(self, stage: str) -> Callable[[int], None]:
        self._stage_begin = time.monotonic()
        return lambda done: self.after_step(stage, done, len(self.times))

    def _work(self) -> Path:
        import folder_paths

        prompts = [conditioning_hash(each) for each in (*self.request.positives, self.request.negative)]
        run = asdict(self._run_facts(self.times, self.request.steps)), self.request.boundary
        asked = [self.provenance, run, prompts, self.request.points, self.request.stripes]
        key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]
        folder = Path(folder_paths.get_user_directory()) / "twill" / "search" / key
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _provenance(self) -> dict[str, str]:
        """What decides the numbers; a search of another provenance is not gone on with."""
        request = self.request
        network = network_of(request.model)
        weights = "+".join(weights_hash(model) for model in self.models)
        return {
            "model": f"{type(network).__name__} {weights}",
            "dtype": str(getattr(network, "dtype", "")).removeprefix("torch."),
            "cfg": str(request.cfg),
            "seed": str(request.seed),
            "latent": "x".join(str(size) for size in request.latent["samples"].shape),
            "prompts": str(len(request.positives)),
            "source": "a search of our own (Search Plan in ComfyUI)",
            "twill": twill_vdit.__version__,
        }

    def after_step(self, stage: str, done: int, total: int) -> None:
        """Shows progress, and stops when the time is over."""
        spent = time.monotonic() - self._stage_begin
        self._show(stage, done, total, spent / max(done, 1) * (total - done))
        if done < total:
            self._check_stop(f"in {stage}: steps were made", done, total)

    def _show(self, stage: str, done: int, total: int, eta: float) -> None:
        maps = None
        if self.profiler is not None and any(self.profiler.done(i) for i in range(len(self.profiler.t))):
            maps = self.profiler.mean_maps()[: sum(layers * heads for layers, heads in self.shape.stacks)]
        spent = time.monotonic() - self.begin
        self.tell(Progress(stage, done, total, spent, eta, maps, list(self.shape.stacks)))

    def _check_stop(self, what: str, done: int, total: int) -> None:
        import comfy.model_management

        comfy.model_management.throw_exception_if_processing_interrupted()
        minutes = self.request.minutes
        if minutes > 0 and time.monotonic() - self.begin > 60 * minutes:
            raise SearchStoppedError(
                f"the time limit of {minutes:g} min is over; {what}: {done} of {total}. What was measured is kept: "
                "queue again to go on, or allow more time."
            )


def conditioning_hash(conditioning) -> str:
    found = hashlib.sha256()
    for tensor, _ in conditioning:
        found.update(tensor.detach().cpu().float().numpy().tobytes())
    return found.hexdigest()[:16]
