# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Search Plan's work: profile while a sampler makes clips, solve, and try plans by clips where that was wished for."""

import hashlib
import io
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

import twill_vdit
from twill_vdit import search
from twill_vdit.families import NetworkShape, TextTokens
from twill_vdit.json_reading import parse_json
from twill_vdit.written_files import write_file

from .. import plan_store
from ..layouts import Family, family_of
from ..memory import is_out_of_memory
from ..patch.apply import network_of, shift_of
from ..patch.timestep import t_of_schedule
from ..plan_store import file_name_of
from .clips import Clips, Part
from .kept import KeptFigures
from .request import Progress, SearchRequest, SearchResult, SearchStoppedError, Wish
from .target import reach
from .watcher import StepWatcher, not_followed
from .weights_hash import weights_hash

MAP_SIZE = 52  # at most as many as a clip has tokens
MAP_STEPS = 6  # of the short clip that only attention maps are wanted of
EXPERTS = ("high_noise", "low_noise")
GOALS = {
    Wish.DENSITY: "density",
    Wish.ATTENTION_SHARE: "attention_share",
    Wish.PSNR: "min_psnr_db",
    Wish.SPEEDUP: "min_speedup",
}  # words of plan files


def profiled_steps(steps: int, points: int) -> list[int]:
    """Evenly spread, first and last step included."""
    count = min(points, steps)
    return [0] if count == 1 else [(2 * i * (steps - 1) + count - 1) // (2 * (count - 1)) for i in range(count)]


class PlanSearch:
    """One search. What it measured is kept in `work` between runs of the same request."""

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
        self.points = profiled_steps(len(self.times), request.points)
        self.shift = shift_of(self.sampling)
        self.provenance = self._provenance()
        self.work = self._work()
        self.kept = KeptFigures(self.work / "kept")
        self.clips = Clips(request, self.models)
        self.profiler = None
        self.stripe_maps = None
        self.resumed = 0
        self.estimated = False
        self.attention: tuple | None = None  # (device, dtype)
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
        if self.request.stripes:
            self.stripe_maps = self._measure_maps()
        dense = self._profile()
        profile = self.profiler.finish()
        target = self.request.target
        budget = "density" if target.wish in (Wish.DENSITY, Wish.PSNR) else "attention_share"
        if budget == "attention_share":
            self._measure_costs(profile)
        solver = search.Solver(
            profile,
            self.times,
            budget=budget,
            name=self.request.name,
            attach_profile=True,
            sampler=self.request.sampler_name,
            scheduler=self.request.scheduler,
            shift=self.shift,
        )
        tries, note = [], ""
        if target.wish in (Wish.DENSITY, Wish.ATTENTION_SHARE):
            solution = solver.solve(target.value)
        else:
            solution, tries, note = reach(target, solver, self._measure_by(dense))
        file, loaded = self._write(solution)
        seconds = time.monotonic() - self.begin
        return SearchResult(loaded, dense[0], file, seconds, solution.density, tries, note)

    def _write(self, solution) -> tuple[Path, plan_store.LoadedPlan]:
        target = self.request.target
        budget = search.Budget(GOALS[target.wish], target.value, solution.density)
        plan = with_provenance(solution.plan, self.provenance | self._how(solution.density), budget)
        folder = plan_store.own_folder()
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.request.name}.json"
        twill_vdit.write_plan(file, plan)
        return file, plan_store.LoadedPlan(file.name, str(file), plan_store.stamp_of(file), plan)

    def _measure_maps(self):
        """Attention maps of a short clip of the first prompt, kept between runs."""
        import numpy

        file = self.work / "maps.npy"
        if file.is_file():
            return numpy.load(file, allow_pickle=False)
        steps = min(MAP_STEPS, self.request.steps)
        times = self._times_of(steps)
        self._run_profiled(0, steps, times, list(range(len(times))), "attention maps", candidates=0)
        maps, self.profiler = self.profiler.mean_maps(), None
        content = io.BytesIO()
        numpy.save(content, maps)
        write_file(file, content.getvalue())
        return maps

    def _profile(self) -> list[dict]:
        """The dense clips' latents, one per prompt."""
        count = len(self.request.positives)
        stages = ["profile" if count == 1 else f"profile prompt {i + 1} of {count}" for i in range(count)]
        return [
            self._run_profiled(i, self.request.steps, self.times, self.points, stage) for i, stage in enumerate(stages)
        ]

    def _run_profiled(
        self, prompt: int, steps: int, times: list[float], points: list[int], stage: str, candidates: int = 120
    ) -> dict:
        """candidates 0: only maps are measured."""
        self._stage_begin = time.monotonic()

        def profiler_at(grid: tuple[int, int, int], beside: TextTokens):
            if self.profiler is None:
                run = self._run_facts(times, steps)
                self.profiler = self._make_profiler(grid, beside, [times[step] for step in points], run, candidates)
            return self.profiler

        def patched(part: Part):
            watcher = StepWatcher(self.family, self.shape, part, times, points, prompt, profiler_at)
            watcher.after_step = lambda done: self.after_step(stage, done, len(times))
            watchers.append(watcher)
            return watcher.patched

        watchers: list[StepWatcher] = []
        latent = self.clips.make(prompt, steps, times, patched, lambda: watchers[-1].finish_unit())
        for t_index, step in enumerate(points):
            if self.profiler is not None and not self.profiler.done(t_index, prompt):
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

    def _make_profiler(
        self,
        grid: tuple[int, int, int],
        beside: TextTokens,
        t: list[float],
        run: search.RunFacts,
        candidates: int,
    ):
        frames, rows, cols = grid
        stacks = tuple(
            twill_vdit.StackShape(name, layers, heads)
            for name, (layers, heads) in zip(self.family.facts.stack_names, self.shape.stacks, strict=False)
        )
        experts = EXPERTS if len(self.models) > 1 else ("default",)
        kinds = self.family.kinds_of(network_of(self.request.model), file_name_of(self.request.model))
        # Two experts are Wan 2.2's.
        kind = next((each for each in kinds if "2.2" in each), kinds[0]) if len(experts) > 1 else kinds[0]
        model = twill_vdit.ModelShape(kind, experts, stacks, self.shape.head_dim)
        count = len(self.request.positives) if candidates else 1
        folder = self.work / ("profile" if candidates else "maps")
        folder.mkdir(exist_ok=True)
        layout = twill_vdit.TokenLayout(frames=frames, rows=rows, cols=cols, prefix=beside.prefix, suffix=beside.suffix)
        profiler = search.Profiler(
            model,
            layout,
            t=t,
            prompts=[f"conditioning {conditioning_hash(positive)}" for positive in self.request.positives[:count]],
            seeds=[self.clips.seed_of(prompt) for prompt in range(count)],
            candidates=candidates,
            map_size=min(MAP_SIZE, layout.tokens),
            folder=folder,
            provenance=self.provenance,
            stripe_maps=self.stripe_maps,
            run=run,
            expert_boundary=self.request.boundary if len(self.models) > 1 else None,
        )
        if candidates:
            self.resumed = sum(profiler.done(i, prompt) for i in range(len(t)) for prompt in range(count))
        return profiler

    def _device_name(self) -> str:
        import comfy.model_management

        return comfy.model_management.get_torch_device_name(self.attention[0])

    def _measure_costs(self, profile) -> None:
        """Times every candidate, unless this device's times are kept."""
        key = f"costs on {self._device_name()}"
        total, done = search.COST_ROUNDS * profile.candidate_count, 0
        try:
            profile.costs = search.CostTable(**self.kept.get(key))
            return
        except (TypeError, twill_vdit.Error):  # nothing there, or of other candidates
            pass
        begin = time.monotonic()

        def check() -> None:
            nonlocal done
            self._check_stop("candidates were timed", done, total)
            self._show("time the candidates", done, total, (time.monotonic() - begin) / max(done, 1) * (total - done))
            done += 1

        profile.measure_costs(*self.attention, check)
        self.kept.put(key, asdict(profile.costs))

    def _measure_by(self, dense: list[dict]) -> Callable[[object, int], float]:
        """(solution, number of the try) -> PSNR in dB or speed-up, kept between runs."""
        frames = {}

        def psnr_db(solution, number: int) -> float:
            step = self._stepper(f"try {number}")
            return self.kept.or_measure(
                f"psnr {plan_hash(solution.plan)}",
                lambda: self.clips.mean_psnr(solution.plan, self.times, dense, frames, step),
            )

        def seconds(key: str, plan, stage: str) -> float:
            step = self._stepper(stage)
            return self.kept.or_measure(
                f"seconds on {self._device_name()} {key}", lambda: self.clips.seconds(plan, self.times, step)
            )

        def speedup(solution, number: int) -> float:
            dense_seconds = seconds("dense", None, "dense clip for its time")
            return dense_seconds / seconds(plan_hash(solution.plan), solution.plan, f"try {number}")

        return psnr_db if self.request.target.wish is Wish.PSNR else speedup

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
        }

    def _how(self, density: float) -> dict[str, str]:
        return {
            "source": "a search of our own (Search Plan in ComfyUI)",
            "found_density": f"{density:.4f}",
            "gain": "of the attention output alone" if self.estimated else "through output projection and gate",
            "stripes": "measured" if self.stripe_maps is not None else "none",
            "prompts": str(len(self.request.positives)),
            "policy": "solver",
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


def plan_hash(plan) -> str:
    """Of what runs, without the profile."""
    text = parse_json(plan.text, plan.name)
    text.pop("profile", None)
    return hashlib.sha256(json.dumps(text, sort_keys=True).encode()).hexdigest()[:24]


def with_provenance(plan, provenance: dict[str, str], budget: search.Budget):
    text = parse_json(plan.text, plan.name)
    text["budget"] = asdict(budget)
    text["provenance"] = {**text.get("provenance", {}), **provenance}
    return twill_vdit.parse_plan(json.dumps(text), plan.name)
