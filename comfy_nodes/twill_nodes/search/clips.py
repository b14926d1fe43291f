# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Clips as the user's sampler makes them: dense ones to profile on, sparse ones to compare and to time."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from .. import metrics, plan_store
from ..patch.apply import KEY, apply_plan, patch_of, without_plan
from ..settings import Settings
from .request import SearchRequest

EVERYTHING = Settings(min_tokens=0)
SHORT_SECONDS = 5.0  # below it one timing says little


@dataclass(frozen=True)
class Part:
    """The steps of one expert: from `first` on, before `last`."""

    model: object
    expert: int
    first: int
    last: int


class Clips:
    def __init__(self, request: SearchRequest, models: list) -> None:
        self.request = request
        self.models = models

    def seed_of(self, prompt: int) -> int:
        return (self.request.seed + prompt) % (1 << 64)

    def parts(self, times: list[float]) -> list[Part]:
        if len(self.models) == 1:
            return [Part(self.models[0], 0, 0, len(times))]
        split = next((i for i, t in enumerate(times) if t < self.request.boundary), len(times))
        parts = [Part(self.models[0], 0, 0, split), Part(self.models[1], 1, split, len(times))]
        return [part for part in parts if part.first < part.last]

    def make(
        self,
        prompt: int,
        steps: int,
        times: list[float],
        patched: Callable[[Part], object],
        after_part: Callable[[], None] = lambda: None,
    ) -> dict:
        """The latent of a prompt. patched: a part -> the model that samples it."""
        import nodes as core

        request, latent = self.request, dict(self.request.latent)
        for part in self.parts(times):
            (latent,) = core.common_ksampler(
                patched(part),
                self.seed_of(prompt),
                steps,
                request.cfg,
                request.sampler_name,
                request.scheduler,
                request.positives[prompt],
                request.negative,
                latent,
                disable_noise=part.first > 0,
                start_step=part.first,
                last_step=part.last,
                force_full_denoise=part.last == len(times),
            )
            after_part()
        return latent

    def with_plan(self, prompt: int, plan, times: list[float], after_step: Callable[[int], None]) -> tuple[dict, float]:
        """(latent, seconds of the samplers' loops). plan None: dense. Raises when calls ran dense against the plan."""
        clocks, models = [], []

        def patched(part: Part):
            if plan is None:
                model = without_plan(part.model)
            else:
                model, why = apply_plan(part.model, plan_store.from_plan(plan, "try"), EVERYTHING)
                if why:
                    raise ValueError(why)
            clocks.append(LoopClock(model, part, after_step))
            models.append(model)
            return model

        def check() -> None:
            patch = patch_of(models[-1]) if plan is not None else None
            if patch is not None and patch.report.trouble():
                raise ValueError(patch.report.trouble())

        steps = self.request.steps if len(times) > 1 else 1
        latent = self.make(prompt, steps, times, patched, check)
        return latent, sum(clock.seconds for clock in clocks)

    def psnr_db(
        self, prompt: int, plan, times: list[float], dense: dict, frames: dict, after_step: Callable[[int], None]
    ) -> float:
        """Infinite for equal clips. dense: the dense clip's latent. frames: decoded ones, kept from try to try."""
        if prompt not in frames:
            frames[prompt] = self._decoded(dense)
        sparse, _ = self.with_plan(prompt, plan, times, after_step)
        return metrics.psnr_db(frames[prompt], self._decoded(sparse))

    def seconds(self, plan, times: list[float], after_step: Callable[[int], None]) -> float:
        """Of the first prompt's clip, after one that warms up what is made once; of short clips the best of three."""
        self.with_plan(0, plan, times[:1] if len(self.models) == 1 else times, lambda done: None)
        taken: list[float] = []
        while not taken or (len(taken) < 3 and sum(taken) < SHORT_SECONDS):
            taken.append(self.with_plan(0, plan, times, after_step)[1])
        return min(taken)

    def _decoded(self, latent: dict):
        """[frames, height, width, 3]"""
        images = self.request.vae.decode(latent["samples"])
        return images.reshape(-1, *images.shape[-3:])[..., :3].cpu()


def check_finite(step: int, denoised: torch.Tensor) -> None:
    """denoised: the latent of the clip as the network sees it in `step`, the first of which is 1."""
    if not torch.isfinite(denoised.sum(dtype=torch.float32)):
        raise ValueError(
            f"from step {step} on the latent is not finite: the model's weights are broken or its dtype is too small"
        )


class LoopClock:
    """Seconds of a sampler's loop, without loading models and without what is made before it."""

    def __init__(self, model, part: Part, after_step: Callable[[int], None]) -> None:
        from comfy.patcher_extension import WrappersMP

        self.seconds = 0.0
        self._part = part
        self._after_step = after_step
        model.add_wrapper_with_key(WrappersMP.SAMPLER_SAMPLE, f"{KEY}_clock", self._sample)

    def _sample(self, executor, guider, sigmas, extra_args, callback, *rest):
        def after(step, *arguments):
            check_finite(self._part.first + step + 1, *arguments[:1])
            self._after_step(self._part.first + step + 1)
            if callback is not None:
                callback(step, *arguments)

        begin = time.perf_counter()
        samples = executor(guider, sigmas, extra_args, after, *rest)
        if samples.device.type == "cuda":
            import torch

            torch.cuda.synchronize(samples.device)
        self.seconds += time.perf_counter() - begin
        return samples
