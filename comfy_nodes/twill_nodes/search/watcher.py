# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Tells the profiler at which step a forward stands, and ends a unit when its step is over.

A step is measured in the first forward at its own t, one for each branch of the guidance. Samplers that make several
forwards a step make others at t between two steps, or look ahead to the next one's.
"""

from collections.abc import Callable

from twill_vdit import Error
from twill_vdit.families import NetworkShape, tokens_of
from twill_vdit.running import running_forward, sites_told

from ..layouts import Family
from ..patch.apply import KEY, OVERRIDE, without_plan
from ..patch.attention_call import branches_of
from ..patch.forward import KEY as FORWARD
from ..patch.forward import Forward
from ..patch.timestep import t_of_sigma
from .clips import Part, check_finite
from .profiling import ProfilingOverride, arguments_noted

# Of the way to the nearest other step, that a forward may be away from its step's t: samplers that nudge their sigmas
# stay well within it, and a forward between two steps, at their geometric mean say, does not come so near.
SHARE_OF_A_STEP = 0.25
ROUNDING = 1e-5  # of t, where two steps have the same


def not_followed(times: list[float], step: int) -> Error:
    return Error(
        f"the sampler runs no forward at t {times[step]:.3f}, where its schedule has step {step + 1}: heads cannot be "
        "measured along its run. Search with another sampler, such as euler; a plan serves all of them"
    )


class StepWatcher:
    """Patches a clone of a model so that its chosen steps are profiled, one after the other."""

    def __init__(
        self,
        family: Family,
        shape: NetworkShape,
        part: Part,
        times: list[float],
        shown: dict[int, int],
        prompt: int,
        profiler_at: Callable,
        unit_done: Callable[[int], None],
    ) -> None:
        """times: t of each step of the run. shown: the profiler's t_index of each step that is profiled.

        profiler_at: (grid, TextTokens) -> the profiler. unit_done: is given the t_index of a step that was measured.
        """
        from comfy.patcher_extension import WrappersMP

        self.family = family
        self.times = times
        self.shown = shown
        self.prompt = prompt
        self.first = part.first
        self.unit_done = unit_done
        self.after_step: Callable[[int], None] = lambda done: None
        self.patched = without_plan(part.model)
        options = self.patched.model_options["transformer_options"]
        self.override = ProfilingOverride(profiler_at, family, shape, part.expert, options.get(OVERRIDE), prompt=prompt)
        options[OVERRIDE] = self.override
        self.patched.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, KEY, self._sampler_sample)
        self.patched.add_wrapper_with_key(WrappersMP.APPLY_MODEL, KEY, self._apply_model)
        self.step = part.first
        self.branches: set[int] = set()  # that were measured in this step

    def _sampler_sample(self, executor, guider, sigmas, extra_args, callback, noise, *rest):
        def after(step, *arguments):
            check_finite(self.first + step + 1, *arguments[:1])
            if self.step in self.shown and not self.branches:
                raise not_followed(self.times, self.step)
            self.finish_unit()
            self.step = self.first + step + 1
            self.after_step(self.step)
            if callback is not None:
                callback(step, *arguments)

        return executor(guider, sigmas, extra_args, after, noise, *rest)

    def _apply_model(
        self, executor, x, t, c_concat=None, c_crossattn=None, control=None, transformer_options=None, **kw
    ):
        family, base = self.family, executor.class_obj
        network = base.diffusion_model
        shape = kw["latent_shapes"][0] if kw.get("latent_shapes") else x.shape
        grid = tokens_of(shape, family.patch(network))
        side, _ = family.begun(network, kw)
        t_of_forward = t_of_sigma(base.model_sampling, t)
        forward = Forward(run=None, family=family, network=network, grid=grid, side=side, t=t_of_forward)
        self.override.t_index = self._point_of(t_of_forward, set(branches_of(transformer_options or {})))
        options = {**(transformer_options or {}), FORWARD: forward}
        stacks = family.stacks(network)
        with (
            running_forward(forward),
            sites_told(stacks if family.hooks else []),
            arguments_noted([block for blocks in stacks for block in blocks]),
        ):
            return executor(x, t, c_concat, c_crossattn, control, options, **kw)

    def _point_of(self, t: float, branches: set[int]) -> int | None:
        """Which of the profiled t a forward at t measures; None: it is not one of a profiled step, or not the first."""
        if self.step not in self.shown or self.branches & branches:
            return None
        at = self.times[self.step]
        around = [self.times[step] for step in (self.step - 1, self.step + 1) if 0 <= step < len(self.times)]
        nearest = min(abs(each - at) for each in [*around, 0.0])
        if abs(t - at) > max(ROUNDING, SHARE_OF_A_STEP * nearest):
            return None
        self.branches |= branches
        return self.shown[self.step]

    def finish_unit(self) -> None:
        """A step is over: what was measured in it is kept. A step of the other expert was not measured here."""
        if self.override.trouble is not None:
            raise self.override.trouble
        self.override.t_index = None
        measured, self.branches = bool(self.branches), set()
        profiler = self.override.profiler
        if measured and profiler is not None:
            t_index = self.shown[self.step]
            if not profiler.done(t_index, self.prompt):
                self.unit_done(t_index)
