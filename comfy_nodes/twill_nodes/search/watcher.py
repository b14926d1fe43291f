# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Tells the profiler at which step a forward stands, and ends a unit when its step is over."""

from collections.abc import Callable

from ..layouts import Family, NetworkShape, tokens_of
from ..patch.apply import KEY, OVERRIDE, without_plan
from ..patch.block_index import hooks_on
from ..patch.forward import KEY as FORWARD
from ..patch.forward import Forward, RunningForward
from ..patch.timestep import t_of_sigma
from .clips import Part
from .profiling import ProfilingOverride, arguments_noted


class StepWatcher:
    """Patches a clone of a model so that its chosen steps are profiled, one after the other."""

    def __init__(
        self, family: Family, shape: NetworkShape, part: Part, points: list[int], prompt: int, profiler_at: Callable
    ) -> None:
        """points: steps of the run that are profiled. profiler_at: (grid, TextTokens) -> the profiler."""
        from comfy.patcher_extension import WrappersMP

        self.family = family
        self.points = points
        self.prompt = prompt
        self.first = part.first
        self.after_step: Callable[[int], None] = lambda done: None
        self.patched = without_plan(part.model)
        options = self.patched.model_options["transformer_options"]
        self.override = ProfilingOverride(profiler_at, family, shape, part.expert, options.get(OVERRIDE), prompt=prompt)
        options[OVERRIDE] = self.override
        self.patched.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, KEY, self._sampler_sample)
        self.patched.add_wrapper_with_key(WrappersMP.APPLY_MODEL, KEY, self._apply_model)
        self.step = part.first

    def _sampler_sample(self, executor, guider, sigmas, extra_args, callback, noise, *rest):
        def after(step, *arguments):
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
        forward = Forward(run=None, family=family, network=network, grid=grid, t=t_of_sigma(base.model_sampling, t))
        if family.begin is not None:
            forward.extra = family.begin(network, kw)
        self.override.t_index = self.points.index(self.step) if self.step in self.points else None
        options = {**(transformer_options or {}), FORWARD: forward}
        stacks = family.stacks(network)
        with (
            RunningForward(forward),
            hooks_on(stacks if family.hooks else []),
            arguments_noted([block for blocks in stacks for block in blocks]),
        ):
            return executor(x, t, c_concat, c_crossattn, control, options, **kw)

    def finish_unit(self) -> None:
        """A step is over: what was measured in it is kept."""
        if self.override.trouble is not None:
            raise self.override.trouble
        t_index, self.override.t_index = self.override.t_index, None
        profiler = self.override.profiler
        if t_index is not None and profiler is not None and not profiler.done(t_index, self.prompt):
            profiler.finish_unit(t_index, self.prompt)
