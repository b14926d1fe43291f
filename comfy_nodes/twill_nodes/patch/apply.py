# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Puts a plan on a MODEL: the override, and wrappers that tell it of every run and every forward."""

import contextlib
import functools
from collections.abc import Callable

from twill_vdit.families import NetworkShape
from twill_vdit.running import (
    BY_PERCENT,
    Adapting,
    Moment,
    Report,
    Run,
    Schedule,
    SliderRun,
    adapting_for,
    choose_expert,
    running_forward,
    sites_told,
)

from ..layouts import Family, family_of
from ..memory import is_out_of_memory
from ..plan_store import LoadedPlan, why_not
from ..settings import Settings, parse_blocks
from ..slider import plan_for
from . import notify
from .attached import KEY, patch_of
from .attention_call import persistent_memory
from .forward import KEY as FORWARD
from .forward import Forward, forward_of, grid_of
from .others import TAKEN, Others
from .override import Override
from .timestep import t_of_schedule, t_of_sigma

__all__ = ["KEY", "OVERRIDE", "SparsePatch", "apply_plan", "network_of", "patch_of", "without_plan"]

OVERRIDE = "optimized_attention_override"


def network_of(model):
    return model.get_model_object("diffusion_model")


class SparsePatch:
    """What Apply Sparse Plan attaches to a model. `report` is that of the last run, also while it goes on."""

    def __init__(self, loaded: LoadedPlan, settings: Settings, family: Family, shape: NetworkShape) -> None:
        self.loaded = loaded
        self.settings = settings
        self.family = family
        self.shape = shape
        self.report: Report | None = None
        self._run: Run | None = None
        self._schedule: Schedule | None = None

    def outer_sample(self, executor, noise, latent_image, sampler, sigmas, *args, **kwargs):
        self._run = None
        try:
            shapes = kwargs.get("latent_shapes") or [noise.shape]
            self._begin(executor.class_obj.model_patcher, sampler, sigmas, shapes[0])
        except Exception as error:  # never into the sampler
            notify.warn("no sparse attention in this run", str(error))
        try:
            return executor(noise, latent_image, sampler, sigmas, *args, **kwargs)
        finally:
            run, self._run = self._run, None
            if run is not None:
                self._tell(run.finish(self._schedule))

    def _begin(self, patcher, sampler, sigmas, latent_shape) -> None:
        sampling = patcher.get_model_object("model_sampling")
        report = Report(plan=self.loaded.name, model=f"{self.family.name}, {self.shape}")
        times = t_of_schedule(sampling, sigmas)
        grid = grid_of(latent_shape, self.family.patch(network_of(patcher)))
        expert = choose_expert(self.loaded.plan.model.experts, self.settings.expert, times)
        asked = SliderRun(tuple(times), expert, grid, sampler_name(sampler), shift_of(sampling))
        plan, how = plan_for(self.loaded, self.settings.speed_quality, asked)
        adapting, unfit = self._adapting(times, expert)
        layers = sum(count for count, _ in self.shape.stacks)
        options = patcher.model_options.get("transformer_options", {})
        ours = options.get(OVERRIDE)
        self._others = Others(patcher)
        # A patch before ours has a say in dense attention, and may count its calls.
        only_ours = isinstance(ours, Override) and ours.previous is None
        self._run = Run(
            plan=plan,
            expert=expert,
            shape=self.shape,
            dense_blocks=parse_blocks(self.settings.dense_blocks, layers),
            min_tokens=self.settings.min_tokens,
            kernel_when_dense=only_ours,
            may_ask_dense=only_ours,
            adapting=adapting,
            report=report,
            persistent_memory=persistent_memory,
            out_of_memory=is_out_of_memory,
        )
        report.settings = describe(self.settings, how + unfit, plan.model.experts, expert)
        self.report = report
        in_percent = percent_window(sampling, self.settings)
        run = self._run
        self._schedule = Schedule(
            sigmas,
            functools.partial(t_of_sigma, sampling),
            lambda moment: (run.plan.segment_at(moment.t), in_percent(moment.sigma)),
        )
        self._in_percent = in_percent

    def _adapting(self, times: list[float], expert: int) -> tuple[Adapting | None, str]:
        """(what fits the plan to the clip, "") where that is wanted, or (None, why not)."""
        if not self.settings.adapt or self.settings.speed_quality >= 1.0:
            return None, ""
        adapting, why = adapting_for(self.loaded.plan, times, expert)
        return adapting, f"; not adapted: {why}" if why else ""

    def sampler_sample(self, executor, guider, sigmas, extra_args, callback, *rest):
        def after(step, *arguments):
            if self._run is not None:
                self._schedule.after_step(step)
                self._run.finish_step()
            if callback is not None:
                callback(step, *arguments)

        return executor(guider, sigmas, extra_args, after, *rest)

    def apply_model(
        self, executor, x, t, c_concat=None, c_crossattn=None, control=None, transformer_options=None, **kw
    ):
        forward = None
        options = transformer_options if transformer_options is not None else {}
        if self._run is not None:
            try:
                forward = self._forward(executor.class_obj, x, t, options, kw)
            except Exception as error:  # never into the sampler
                self._run.failed(error)
        if forward is None:
            return executor(x, t, c_concat, c_crossattn, control, options, **kw)
        options = {**options, FORWARD: forward}
        hooks = sites_told(self.family.stacks(forward.network)) if self.family.hooks else contextlib.nullcontext()
        begun = self._run.report.calls
        with running_forward(forward), hooks:
            out = executor(x, t, c_concat, c_crossattn, control, options, **kw)
        self._count_taken(forward, x.shape[0], options.get(OVERRIDE), begun)
        return out

    def _count_taken(self, forward: Forward, batch: int, override, begun: int) -> None:
        """Calls of this forward that another node's attention took. begun: calls that had been counted before it."""
        if isinstance(override, Override) or forward.grid is None or self._run is None:
            return
        report, layers = self._run.report, sum(count for count, _ in self.shape.stacks)
        heads = sum(count * heads for count, heads in self.shape.stacks) / layers
        cells = batch * heads * float(forward.grid_tokens) ** 2
        report.count_taken(self._others.took(override), layers - (report.calls - begun), cells)

    def _forward(self, base_model, x, sigma, options: dict, arguments: dict) -> Forward:
        run = self._run
        moment: Moment = self._schedule.at(sigma)
        forward = forward_of(run, self.family, base_model.diffusion_model, x, arguments, moment.t)
        run.report.count_forward(moment.t)
        if forward.grid is None:
            run.report.note("The latent is not a clip; all attention was dense.")
            return forward
        run.tell_time(forward, x.device)
        if not self._in_percent(moment.sigma):
            forward.dense_because = BY_PERCENT
        return forward

    def _tell(self, report: Report) -> None:
        if any(reason.startswith(TAKEN) for reason in report.dense):
            report.note(self._others.advice)
        if report.forwards and not report.calls:
            report.note(self._others.why_no_calls)
        notify.tell("sampling done", report.text().replace("\n", "; "))
        if report.warning() and report.forwards:
            notify.warn(summary_of(report), report.warning())


def summary_of(report: Report) -> str:
    """Of its warning."""
    if report.trouble():
        return "attention ran dense against the plan"
    return "attention by the plan is slower than without it" if report.slower_text() else "nothing ran sparse"


def sampler_name(sampler) -> str | None:
    """ "euler" of ComfyUI's KSAMPLER; None of what has no name."""
    name = getattr(getattr(sampler, "sampler_function", None), "__name__", "")
    return name.removeprefix("sample_") or None


def shift_of(sampling) -> float | None:
    shift = getattr(sampling, "shift", None)
    return float(shift) if isinstance(shift, (int, float)) and shift > 0 else None


def percent_window(sampling, settings: Settings) -> Callable[[float], bool]:
    begin = float(sampling.percent_to_sigma(settings.start_percent))
    end = float(sampling.percent_to_sigma(settings.end_percent)) if settings.end_percent < 1.0 else 0.0
    return lambda sigma: end <= sigma <= begin


def describe(settings: Settings, how: str, experts: tuple[str, ...], expert: int) -> str:
    parts = [how]
    if len(experts) > 1:
        parts.append(f"expert {experts[expert]}")
    if settings.start_percent > 0.0 or settings.end_percent < 1.0:
        parts.append(f"dense outside {settings.start_percent:.0%} to {settings.end_percent:.0%} of the run")
    if settings.dense_blocks.strip():
        parts.append(f"dense blocks {settings.dense_blocks}")
    parts.append(f"dense below {settings.min_tokens} tokens")
    return "; ".join(parts)


def apply_plan(model, loaded: LoadedPlan, settings: Settings):
    """(model, "") with the plan on a clone of it, or (the same model, why not)."""
    from comfy.patcher_extension import WrappersMP

    network = network_of(model)
    family = family_of(network)
    if family is None:
        return model, f"Twill knows no token layout of {type(network).__name__}"
    if type(network).__name__ in family.never:
        return model, f"{type(network).__name__} does not ask for patches of attention, so no plan can run in it"
    shape = family.shape(network)
    reason = why_not(loaded, family, shape)
    if reason:
        return model, reason
    parse_blocks(settings.dense_blocks, 1)
    patched = without_plan(model)
    patch = SparsePatch(loaded, settings, family, shape)
    options = patched.model_options["transformer_options"]
    options[OVERRIDE] = Override(options.get(OVERRIDE))
    patched.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, KEY, patch.outer_sample)
    patched.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, KEY, patch.sampler_sample)
    patched.add_wrapper_with_key(WrappersMP.APPLY_MODEL, KEY, patch.apply_model)
    patched.set_attachments(KEY, patch)
    if Others(patched).sparse_node:
        notify.warn("two nodes for sparse attention", Others(patched).advice)
    return patched, ""


def without_plan(model):
    """A clone without a plan that was applied earlier: of two, the later holds."""
    from comfy.patcher_extension import WrappersMP

    clone = model.clone()
    options = clone.model_options.setdefault("transformer_options", {})
    if isinstance(options.get(OVERRIDE), Override):
        previous = options.pop(OVERRIDE).previous
        if previous is not None:
            options[OVERRIDE] = previous
    for kind in (WrappersMP.OUTER_SAMPLE, WrappersMP.SAMPLER_SAMPLE, WrappersMP.APPLY_MODEL):
        clone.remove_wrappers_with_key(kind, KEY)
    return clone
