# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Search Plan's work: profile while a sampler makes a clip, then solve."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .. import plan_store, wheel
from ..layouts import Family, NetworkShape, TextTokens, family_of, tokens_of
from ..patch.apply import KEY, OVERRIDE, network_of, without_plan
from ..patch.block_index import hooks_on
from ..patch.forward import KEY as FORWARD
from ..patch.forward import Forward, RunningForward
from ..patch.timestep import t_of_schedule, t_of_sigma
from .profiling import ProfilingOverride, arguments_noted

MAP_SIZE = 52
EXPERTS = ("high_noise", "low_noise")


class SearchStoppedError(RuntimeError):
    """The time limit came first; what was measured is kept."""


@dataclass(frozen=True)
class SearchRequest:
    """low_noise: the second expert's model, or None. boundary: t below which it runs."""

    model: object
    low_noise: object | None
    boundary: float
    positive: object
    negative: object
    latent: dict
    seed: int
    steps: int
    cfg: float
    sampler_name: str
    scheduler: str
    density: float
    points: int
    minutes: float  # 0: no limit
    name: str


@dataclass
class Progress:
    """What the node shows while it works. maps: [heads, size, size] as measured so far, or None."""

    done: int
    total: int
    seconds: float
    eta_seconds: float
    maps: object
    shape: list[tuple[int, int]]


@dataclass
class SearchResult:
    loaded: plan_store.LoadedPlan
    latent: dict
    file: Path
    seconds: float
    density: float
    report: str = field(default="")


def profiled_steps(steps: int, points: int) -> list[int]:
    """Evenly spread, first and last step included."""
    count = min(points, steps)
    return [0] if count == 1 else [(2 * i * (steps - 1) + count - 1) // (2 * (count - 1)) for i in range(count)]


class PlanSearch:
    """One search. `work` keeps finished times between runs of the same request."""

    def __init__(self, request: SearchRequest, tell: Callable[[Progress], None]) -> None:
        import comfy.samplers

        self.request = request
        self.tell = tell
        self.begin = time.monotonic()
        self.models = [request.model] + ([request.low_noise] if request.low_noise is not None else [])
        network = network_of(request.model)
        family = family_of(network)
        if family is None:
            raise ValueError(f"Twill knows no token layout of {type(network).__name__}; it cannot search for it")
        self.family: Family = family
        self.shape: NetworkShape = family.shape(network)
        for model in self.models[1:]:
            if family_of(network_of(model)) is not family or family.shape(network_of(model)) != self.shape:
                raise ValueError("the two models are not experts of one model: their layers or heads differ")
        sampling = request.model.get_model_object("model_sampling")
        self.sigmas = comfy.samplers.calculate_sigmas(sampling, request.scheduler, request.steps)
        self.times = t_of_schedule(sampling, self.sigmas)
        self.points = profiled_steps(len(self.times), request.points)
        self.split = len(self.times)
        if request.low_noise is not None:
            self.split = next((i for i, t in enumerate(self.times) if t < request.boundary), len(self.times))
        self.profiler = None
        self.resumed = 0
        self.estimated = False

    def run(self) -> SearchResult:
        request = self.request
        latent = dict(request.latent)
        for number, (model, first, last) in enumerate(self._parts()):
            latent = self._sample(model, number, first, last, latent)
        profile = self.profiler.finish()
        solver = wheel.package("search").Solver(profile, self.times, name=request.name, attach_profile=True)
        solution = solver.solve(request.density)
        plan = with_provenance(solution.plan, self._provenance() | self._how(solution.density))
        folder = plan_store.own_folder()
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{request.name}.json"
        wheel.package().write_plan(file, plan)
        loaded = plan_store.LoadedPlan(file.name, str(file), plan_store.stamp_of(file), plan)
        return SearchResult(loaded, latent, file, time.monotonic() - self.begin, solution.density)

    def _parts(self):
        """(model, first step, step to stop before) per expert."""
        if len(self.models) == 1:
            return [(self.models[0], 0, len(self.times))]
        return [(self.models[0], 0, self.split), (self.models[1], self.split, len(self.times))]

    def _sample(self, model, expert: int, first: int, last: int, latent: dict) -> dict:
        import nodes as core

        if first >= last:
            return latent
        request = self.request
        watcher = StepWatcher(self, model, expert, first)
        (out,) = core.common_ksampler(
            watcher.patched,
            request.seed,
            request.steps,
            request.cfg,
            request.sampler_name,
            request.scheduler,
            request.positive,
            request.negative,
            latent,
            disable_noise=first > 0,
            start_step=first,
            last_step=last,
            force_full_denoise=last == len(self.times),
        )
        watcher.finish_unit()
        self.estimated |= watcher.override.estimated
        return out

    def profiler_at(self, grid: tuple[int, int, int], beside: TextTokens):
        if self.profiler is None:
            twill_vdit, search = wheel.package(), wheel.package("search")
            plan = wheel.package("plan")
            frames, rows, cols = grid
            stacks = tuple(
                plan.StackShape(name, layers, heads)
                for name, (layers, heads) in zip(self.family.stack_names, self.shape.stacks, strict=False)
            )
            experts = EXPERTS if len(self.models) > 1 else ("default",)
            model = plan.ModelShape(
                self.family.family_in_plans(network_of(self.request.model)), experts, stacks, self.shape.head_dim
            )
            provenance = self._provenance()
            self.profiler = search.Profiler(
                model,
                twill_vdit.TokenLayout(frames=frames, rows=rows, cols=cols, prefix=beside.prefix, suffix=beside.suffix),
                t=[self.times[step] for step in self.points],
                prompts=[f"conditioning {self._conditioning_hash()}"],
                seeds=[self.request.seed % (1 << 62)],
                map_size=MAP_SIZE,
                folder=self._work(provenance),
                provenance=provenance,
            )
            self.resumed = sum(self.profiler.done(i) for i in range(len(self.points)))
        return self.profiler

    def _work(self, provenance: dict[str, str]) -> Path:
        import folder_paths

        key = hashlib.sha256(json.dumps([provenance, self._conditioning_hash()]).encode()).hexdigest()[:16]
        folder = Path(folder_paths.get_user_directory()) / "twill" / "search" / key
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _conditioning_hash(self) -> str:
        found = hashlib.sha256()
        for conditioning in (self.request.positive, self.request.negative):
            for tensor, _ in conditioning:
                found.update(tensor.detach().cpu().float().numpy().tobytes())
        return found.hexdigest()[:16]

    def _provenance(self) -> dict[str, str]:
        """What decides the numbers; a search of another provenance is not gone on with."""
        request = self.request
        network = network_of(request.model)
        weights = hashlib.sha256()
        for model in self.models:
            state = network_of(model).state_dict()
            for name in sorted(state)[:: max(1, len(state) // 16)]:
                weights.update(state[name].detach().flatten()[:256].float().cpu().numpy().tobytes())
        return {
            "model": f"{type(network).__name__} {weights.hexdigest()[:16]}",
            "dtype": str(getattr(network, "dtype", "")).removeprefix("torch."),
            "sampler": request.sampler_name,
            "scheduler": request.scheduler,
            "steps": str(request.steps),
            "shift": str(getattr(request.model.get_model_object("model_sampling"), "shift", "")),
            "cfg": str(request.cfg),
            "seed": str(request.seed),
            "latent": "x".join(str(size) for size in request.latent["samples"].shape),
        }

    def _how(self, density: float) -> dict[str, str]:
        return {
            "source": "a search of our own (Search Plan in ComfyUI)",
            "budget": f"density {self.request.density:g}",
            "found_density": f"{density:.4f}",
            "gain": "of the attention output alone" if self.estimated else "through output projection and gate",
            "policy": "solver",
            "twill": wheel.package().__version__,
        }

    def after_step(self, done: int) -> None:
        """Shows progress, and stops when the time is over."""
        spent = time.monotonic() - self.begin
        if self.profiler is None:
            return
        total = len(self.times)
        eta = spent / max(done, 1) * (total - done)
        maps = None
        if any(self.profiler.done(i) for i in range(len(self.points))):
            maps = self.profiler.mean_maps()[: sum(layers * heads for layers, heads in self.shape.stacks)]
        self.tell(Progress(done, total, spent, eta, maps, list(self.shape.stacks)))
        if self.request.minutes > 0 and spent > 60 * self.request.minutes and done < total:
            raise SearchStoppedError(
                f"the time limit of {self.request.minutes:g} min is over after {done} of {total} steps. What was "
                "measured is kept: queue again to go on, or allow more time."
            )


class StepWatcher:
    """Patches a clone of a model so that its chosen steps are profiled, one after the other."""

    def __init__(self, search: PlanSearch, model, expert: int, first: int) -> None:
        from comfy.patcher_extension import WrappersMP

        self.search = search
        self.expert = expert
        self.first = first
        self.patched = without_plan(model)
        options = self.patched.model_options["transformer_options"]
        self.override = ProfilingOverride(
            search.profiler_at, search.family, search.shape, expert, options.get(OVERRIDE)
        )
        options[OVERRIDE] = self.override
        self.patched.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, KEY, self._sampler_sample)
        self.patched.add_wrapper_with_key(WrappersMP.APPLY_MODEL, KEY, self._apply_model)
        self.step = first

    def _sampler_sample(self, executor, guider, sigmas, extra_args, callback, noise, *rest):
        def after(step, *arguments):
            self.finish_unit()
            self.step = self.first + step + 1
            self.search.after_step(self.step)
            if callback is not None:
                callback(step, *arguments)

        return executor(guider, sigmas, extra_args, after, noise, *rest)

    def _apply_model(
        self, executor, x, t, c_concat=None, c_crossattn=None, control=None, transformer_options=None, **kw
    ):
        search, base = self.search, executor.class_obj
        network = base.diffusion_model
        shape = kw["latent_shapes"][0] if kw.get("latent_shapes") else x.shape
        grid = tokens_of(shape, search.family.patch(network))
        forward = Forward(
            run=None, family=search.family, network=network, grid=grid, t=t_of_sigma(base.model_sampling, t)
        )
        if search.family.begin is not None:
            forward.extra = search.family.begin(network, kw)
        self.override.t_index = search.points.index(self.step) if self.step in search.points else None
        options = {**(transformer_options or {}), FORWARD: forward}
        stacks = search.family.stacks(network)
        with (
            RunningForward(forward),
            hooks_on(stacks if search.family.hooks else []),
            arguments_noted([block for blocks in stacks for block in blocks]),
        ):
            return executor(x, t, c_concat, c_crossattn, control, options, **kw)

    def finish_unit(self) -> None:
        """A step is over: what was measured in it is kept."""
        if self.override.trouble is not None:
            raise self.override.trouble
        t_index, self.override.t_index = self.override.t_index, None
        profiler = self.search.profiler
        if t_index is not None and profiler is not None and not profiler.done(t_index):
            profiler.finish_unit(t_index)


def with_provenance(plan, provenance: dict[str, str]):
    text = json.loads(plan.text)
    text["provenance"] = {**text.get("provenance", {}), **provenance}
    return wheel.package().parse_plan(json.dumps(text), plan.name)
