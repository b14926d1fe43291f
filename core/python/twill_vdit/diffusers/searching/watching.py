# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""Stands in the transformers of a pipeline while it makes one dense clip, and says of each call where it is.

It is what apply_plan puts there (Transformer, Steps), with a run that computes everything as before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch

from twill_vdit.diffusers.networks import Network
from twill_vdit.diffusers.reading import Reading
from twill_vdit.diffusers.sampling import Steps, is_guided
from twill_vdit.diffusers.searching.gains import Block, Blocks, can_ask
from twill_vdit.diffusers.transformer import Forward, Transformer
from twill_vdit.errors import Error
from twill_vdit.running import AttentionCall, Report, Site

ROUNDING = 1e-5  # of t


@dataclass(frozen=True)
class Seen:
    """One call of self-attention of a dense clip.

    Attributes:
        expert: of the transformer.
        step: of the run, counted from 0; None: the forward stands between two steps.
        forward: that it is of.
        site: stack and layer.
        call: q, k and v, without padding.
        branches: as AttentionCall.rows_of has them.
        block: that the call is of; None where heads can only be weighed by the attention's output.
    """

    expert: int
    step: int | None
    forward: Forward
    site: Site
    call: AttentionCall
    branches: Sequence[int]
    block: Block | None

    def row_of(self, branch: int) -> int:
        """Of the first clip of a branch in the batch of the forward."""
        branches = self.forward.branches
        return branches.index(branch) * self.forward.batch // len(branches)


class Watch:
    """Of one clip, in a `with`."""

    def __init__(
        self,
        pipeline: Any,
        transformers: Sequence[tuple[torch.nn.Module, Network]],
        on_call: Callable[[Seen], None],
        on_forward: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing is changed before the `with`.

        Args:
            pipeline: whose scheduler tells steps.
            transformers: the noisier expert first.
            on_call: before each call is computed; may raise.
            on_forward: after each forward that did not fail; may raise.
        """
        self._pipeline = pipeline
        self.on_call = on_call
        self.on_forward = on_forward
        module, network = transformers[0]
        self.steps = Steps(pipeline, network.clock(module.config))
        self.report = Report(plan="", model="")
        self._transformers = [Transformer(*each, expert, self) for expert, each in enumerate(transformers)]
        self._runs = [_Run(expert, self) for expert in range(len(transformers))]
        asked = [Blocks(*each) if can_ask(each[1], each[0]) else None for each in transformers]
        self._blocks: list[Blocks | None] = asked
        self._step = 0
        self._hooks: list[Any] = []

    def __enter__(self) -> "Watch":
        for transformer, blocks in zip(self._transformers, self._blocks, strict=True):
            transformer.attach()
            module = transformer.module
            assert module is not None
            # Transformer's own hook is called after failures too, where what is raised would be lost.
            self._hooks.append(module.register_forward_hook(lambda *forward: self.on_forward()))
            if blocks is not None:
                blocks.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        for transformer, blocks in zip(self._transformers, self._blocks, strict=True):
            transformer.detach()
            if blocks is not None:
                blocks.__exit__()

    def block_of(self, expert: int) -> Block | None:
        """The block of a transformer whose forward goes on, as Seen has it."""
        blocks = self._blocks[expert]
        return None if blocks is None else blocks.inside

    @property
    def times(self) -> list[float]:
        """t of each step of the run, in 0..1; empty before it begins, and where the scheduler does not say it."""
        return [min(1.0, max(0.0, t)) for t in self.steps.times]

    def sampling(self, transformer: Transformer, reading: Reading, backend: str) -> tuple[Any, Any]:
        """As transformer.Runs has it; both are asked only for what is here and in _Run."""
        if self.steps.begins(reading):
            self.steps.begin(reading, lambda moment: 0)
            self._step = 0
        return self, self._runs[transformer.expert]

    def is_guided(self) -> bool:
        """As transformer.Runs has it."""
        return is_guided(self._pipeline)

    def forward_ended(self, *, seen: bool) -> None:
        """As SamplingRun's."""

    def step_at(self, t: float) -> int | None:
        """Which step a forward at t is of, from the last one on; None: it stands between two."""
        times = self.times
        for step in range(self._step, len(times)):
            if abs(times[step] - t) <= ROUNDING:
                self._step = step
                return step
        return None


class _Run:
    """What a Transformer asks of running.Run."""

    def __init__(self, expert: int, watch: Watch) -> None:
        self.report = watch.report
        self._expert = expert
        self._watch = watch

    def finish_step(self) -> None:
        """Steps are told by their t."""

    def tell_time(self, forward: Forward, device: torch.device) -> None:
        """There is no plan to tell."""

    def serve(
        self,
        forward: Forward,
        read: Callable[[], tuple[AttentionCall, Site, Sequence[int]]],
        dense: Callable[[], torch.Tensor],
        shaped: Callable[..., torch.Tensor],
        dense_name: str = "",
    ) -> torch.Tensor:
        call, site, branches = read()
        if forward.dense_because:
            raise Error(f"this clip cannot be searched on: {forward.dense_because}", "model")
        if call.spread is not None:
            raise Error("this clip cannot be searched on: its tokens stand on several devices; search on one", "model")
        if forward.grid is None:
            raise Error("this pipeline's latent is no clip, so there is no plan for it", "model")
        if call.masked:
            raise Error("the attention of this model has a mask, which plans cannot have", "model")
        if call.grouped:
            raise Error("this model has fewer heads of keys than of queries, which plans cannot have", "model")
        watch, expert = self._watch, self._expert
        watch.on_call(Seen(expert, watch.step_at(forward.t), forward, site, call, branches, watch.block_of(expert)))
        return dense()
