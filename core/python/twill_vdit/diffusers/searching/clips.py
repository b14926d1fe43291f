# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""The clips of a search, as the user's pipeline makes them, which is afterwards as it was."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

PLAIN = (type(None), bool, int, float, str, dict, torch.Tensor)  # what pipelines note of a call in themselves


class ClipEnded(Exception):  # noqa: N818 - it is no error
    """No more of this clip is wanted."""


class Clips:
    """One for each prompt."""

    def __init__(
        self, pipeline: Any, prompts: Sequence[Mapping[str, Any]], call: Mapping[str, Any], seeds: Sequence[int]
    ) -> None:
        """No clip is made yet.

        Args:
            pipeline: of diffusers.
            prompts: arguments of its call, of each clip.
            call: arguments of its call, of all clips.
            seeds: of the noise of each clip.
        """
        self.pipeline = pipeline
        self.prompts = prompts
        self.call = call
        self.seeds = seeds

    def make(self, prompt: int, *, decoded: bool = False, **more: Any) -> Any:
        """A clip, or None where something in it raised ClipEnded.

        Args:
            prompt: its number.
            decoded: as frames, [frames, rows, columns, 3] within 0..1, instead of a latent.
            more: arguments of the call instead of those of the search.
        """
        generator = torch.Generator("cpu").manual_seed(self.seeds[prompt])
        own = {"generator": generator, "output_type": "np" if decoded else "latent", "return_dict": False}
        try:
            with as_it_was(self.pipeline):
                return self.pipeline(**{**self.call, **self.prompts[prompt], **more, **own})[0]
        except ClipEnded:
            return None

    def seconds(self, prompt: int) -> float:
        """Of the denoising loop of a clip: from the first forward to the latent."""
        begun: list[float] = []

        def begin(module: torch.nn.Module, args: Any) -> None:
            if not begun:
                begun.append(_now())

        parts = [self.pipeline.components.get(name) for name in ("transformer", "transformer_2")]
        handles = [part.register_forward_pre_hook(begin) for part in parts if part is not None]
        try:
            self.make(prompt)
        finally:
            for handle in handles:
                handle.remove()
        return _now() - begun[0]


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


@contextlib.contextmanager
def as_it_was(pipeline: Any) -> Iterator[None]:
    """What a call notes in the pipeline and in its scheduler is undone, also where the call was left in its midst."""
    scheduler = pipeline.scheduler
    of_pipeline, of_scheduler = dict(vars(pipeline)), dict(vars(scheduler))
    try:
        yield
    except BaseException:
        # A pipeline's last act: offloaded models go back, and caches forget the clip.
        pipeline.maybe_free_model_hooks()
        raise
    finally:
        vars(scheduler).clear()
        vars(scheduler).update(of_scheduler)
        now = vars(pipeline)
        for name, value in list(now.items()):
            if name not in of_pipeline and isinstance(value, PLAIN):
                del now[name]
            elif name in of_pipeline and isinstance(of_pipeline[name], PLAIN):
                now[name] = of_pipeline[name]
        pipeline.scheduler = scheduler
