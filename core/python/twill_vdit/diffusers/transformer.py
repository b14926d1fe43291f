# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""One transformer under a plan: hooks around its forwards, and answers to its calls of self-attention."""

import logging
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch

from twill_vdit import running
from twill_vdit.diffusers.networks import Network
from twill_vdit.diffusers.parallel import Spreads, is_ring
from twill_vdit.diffusers.reading import Kept, Reading, named_arguments, read_forward
from twill_vdit.diffusers.sampling import SamplingRun, branches_of
from twill_vdit.diffusers.sites import HostCall, Sites, active_backend
from twill_vdit.families import NetworkShape
from twill_vdit.running import AttentionCall, Run, Site, running_forward

_log = logging.getLogger("twill_vdit")

MOST_T = 1.5  # schedulers that add noise call the network a little above their first step

BY_GRADIENT = "gradients do not go through a plan"
BY_RING = "ring attention, whose devices have all heads and a part of the keys"
BY_SPREAD = "its tokens stand on several devices, and not in equal parts of the clip"
BY_CAPTURE = "padded text in a CUDA graph, which would keep the length of this prompt"


@dataclass(kw_only=True)
class Forward(running.Forward):
    """One forward of a transformer.

    Attributes:
        run: of the transformer.
        owner: what answers its calls.
        batch: clips.
        branches: of the guidance, as AttentionCall.rows_of has them.
        valid_text: as Reading has it.
        calls: of each site so far.
    """

    run: Run
    owner: object
    batch: int
    branches: Sequence[int]
    valid_text: tuple[int, ...] | None = None
    calls: dict[Site, int] = field(default_factory=dict)


class Runs(Protocol):
    """Who knows of sampling runs."""

    def sampling(self, transformer: "Transformer", reading: Reading, backend: str) -> tuple[SamplingRun, Run]:
        """Before each forward of a transformer: the run that goes on, or one that begins.

        Args:
            transformer: of the forward.
            reading: of the forward.
            backend: that the user chose for dense attention.
        """

    def is_guided(self) -> bool:
        """Whether there is an unconditional half."""


class Transformer:
    """One transformer under a plan. It is held weakly, as all that is the pipeline's."""

    def __init__(self, module: torch.nn.Module, network: Network, expert: int, runs: Runs) -> None:
        """Nothing is changed before attach().

        Args:
            module: of diffusers.
            network: what is known of its class.
            expert: of the plan's that it is.
            runs: knows of sampling runs.
        """
        self.network = network
        self.shape: NetworkShape = network.shape(module)
        self.expert = expert
        self._module = weakref.ref(module)
        self._runs = runs
        self._sites = Sites(network.sites(module), self)
        self._kept = Kept()
        self._thread = threading.local()
        self._hooks: list[Any] = []
        self._run: Run | None = None
        self._spreads = Spreads()
        self._t, self._number = -1.0, 0  # of the last forward: t, and which of those with this t it was

    @property
    def parallel_config(self) -> Any:
        """As sites.Host has it."""
        return self._sites.parallel_config

    @property
    def module(self) -> torch.nn.Module | None:
        """None once it is gone."""
        return self._module()

    def attach(self) -> None:
        """From now on the plan holds."""
        module = self._module()
        assert module is not None
        self._sites.take()
        # Hooks of a compiled module run in eager code, unless they are traced themselves (torch 2.13).
        enter, leave = torch.compiler.disable(self.enter), torch.compiler.disable(self.leave)
        self._hooks = [
            module.register_forward_pre_hook(enter, with_kwargs=True),
            module.register_forward_hook(leave, always_call=True),
        ]

    def detach(self) -> None:
        """All is as it was."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self._sites.leave()

    def enter(self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Before a forward. Nothing is raised."""
        if module is not self._module():
            return  # a copy of the transformer took its hooks along
        entered = self._entered()
        try:
            forward, sampling = self._forward(module, args, kwargs)
        except Exception as error:  # never into the pipeline
            what = f"{type(error).__name__}: {error}"
            _log.warning("Twill: a forward of %s ran without the plan (%s)", type(module).__name__, what)
            entered.append(None)
            return
        held = running_forward(forward)
        held.__enter__()
        entered.append((held, forward, sampling))

    def leave(self, module: torch.nn.Module, args: tuple[Any, ...], output: object) -> None:
        """After a forward, also after one that failed."""
        entered = self._entered()
        last = entered.pop() if module is self._module() and entered else None
        if last is None:
            return
        held, forward, sampling = last
        held.__exit__(None, None, None)
        cells = float(forward.batch * self.shape.stacks[0][1] * forward.grid_tokens**2)
        for why, modules in self._sites.unserved.items():
            for _ in range(modules):
                sampling.report.count_dense(why, cells)
        sampling.forward_ended(seen=bool(forward.calls or self._sites.unserved))

    def _entered(self) -> list[Any]:
        entered: list[Any] = self._thread.__dict__.setdefault("entered", [])
        return entered

    def _forward(
        self, module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Forward, SamplingRun]:
        arguments = named_arguments(module, args, kwargs)
        reading = read_forward(self.network, module.config, arguments, self._kept)
        self._sites.take()
        sampling, run = self._runs.sampling(self, reading, self._sites.chosen_backend)
        t = sampling.steps.at(reading)
        if run is not self._run:
            self._run, self._t, self._number = run, t, -1
        if t != self._t:
            run.finish_step()
        self._t, self._number = t, self._number + 1 if t == self._t else 0
        run.report.count_forward(min(1.0, max(0.0, t)))
        guided = self._runs.is_guided() and reading.batch % 2 == 0
        forward = Forward(
            t=min(1.0, max(0.0, t)),
            grid=reading.grid,
            side=self.network.side,
            dense_because=self._why_dense(reading, t),
            run=run,
            owner=self,
            batch=reading.batch,
            branches=branches_of(self.network.guidance_in_batch, guided, self._number),
            valid_text=reading.valid_text,
        )
        if forward.grid is None:
            run.report.note("The latent is not a clip; all attention was dense.")
        else:
            run.tell_time(forward, reading.device)
        return forward, sampling

    def _why_dense(self, reading: Reading, t: float) -> str:
        if is_ring(self._sites.parallel_config):
            return BY_RING
        if not t <= MOST_T:
            return f"t {t:.4g} is not within 0..1 (a timestep divided by its training range)"
        return reading.own_attention

    def serve(self, site: Site, call: HostCall) -> torch.Tensor:
        """One call of self-attention, by the plan or as before, and counted. In q's order of axes."""
        forward = running.current()
        if not isinstance(forward, Forward) or forward.owner is not self:
            return call.dense()
        number = forward.calls.get(site, 0)
        forward.calls[site] = number + 1
        if torch.is_grad_enabled() and call.q.requires_grad:
            forward = replace(forward, dense_because=forward.dense_because or BY_GRADIENT)
        parts = _parts(forward, call)
        if len(parts) == 1:
            return self._serve_part(forward, site, call, parts[0], self._branches(forward, call, parts[0].rows, number))
        out = call.q.new_empty((*call.q.shape[:-1], call.v.shape[-1]))
        for part in parts:
            some = call.part(part.rows)
            branches = self._branches(forward, call, part.rows, number)
            out[part.rows] = self._serve_part(forward, site, some, part, branches)
        return out

    def _serve_part(
        self, forward: Forward, site: Site, call: HostCall, part: "_Part", branches: Sequence[int]
    ) -> torch.Tensor:
        padded = call.tokens - part.tokens
        if padded and call.q.is_cuda and torch.cuda.is_current_stream_capturing():
            forward = replace(forward, dense_because=forward.dense_because or BY_CAPTURE)

        spread = None
        if call.parallel is not None and not forward.dense_because:
            spread = self._spreads.of(call.parallel, forward.grid_tokens)
            if call.tokens != spread.tokens_here:
                forward, spread = replace(forward, dense_because=BY_SPREAD), None

        def read() -> tuple[AttentionCall, Site, Sequence[int]]:
            q, k, v = call.first_tokens(part.tokens) if part.mask_is_padding else (call.q, call.k, call.v)
            if not call.heads_first:
                q, k, v = (x.transpose(1, 2) for x in (q, k, v))
            masked = (call.mask is not None and not part.mask_is_padding) or not call.plain
            grouped = k.shape[1] != q.shape[1]
            made = AttentionCall(q, k, v, masked=masked, grouped=grouped, scale=call.scale, spread=spread)
            return made, site, branches

        def shaped(out: torch.Tensor, _: AttentionCall) -> torch.Tensor:
            # What padding attends to is seen by nobody: it is masked as a key.
            out = torch.nn.functional.pad(out, (0, 0, 0, padded)) if padded else out
            return out if call.heads_first else out.transpose(1, 2)

        return forward.run.serve(forward, read, call.dense, shaped, _name_of_dense(call))

    def _branches(self, forward: Forward, call: HostCall, rows: slice, number: int) -> Sequence[int]:
        """Of the guidance, in these rows of a call. number: of the call, of those of one site in a forward."""
        if len(forward.branches) == 1 or rows.stop - rows.start == forward.batch:
            return forward.branches
        if self.network.one_by_one:
            first = number
        elif call.q.shape[0] == forward.batch:
            first = rows.start
        else:  # FasterCache leaves the unconditional half out
            return (0,)
        return (forward.branches[min(first * len(forward.branches) // forward.batch, len(forward.branches) - 1)],)


@dataclass(frozen=True)
class _Part:
    """Rows of a call's batch that have as many tokens without padding."""

    rows: slice
    tokens: int
    mask_is_padding: bool


def _parts(forward: Forward, call: HostCall) -> list[_Part]:
    valid = forward.valid_text
    rows = call.q.shape[0]
    if call.mask is None or valid is None or len(valid) != rows or forward.grid is None:
        return [_Part(slice(0, rows), call.tokens, False)]
    parts: list[_Part] = []
    for row, text in enumerate(valid):
        tokens = min(forward.grid_tokens + text, call.tokens)
        begin = parts.pop().rows.start if parts and parts[-1].tokens == tokens else row
        parts.append(_Part(slice(begin, row + 1), tokens, True))
    return parts


def _name_of_dense(call: HostCall) -> str:
    if call.heads_first:
        return "torch's scaled_dot_product_attention, which the processor calls"
    return f"diffusers' attention backend {call.backend or active_backend() or 'native'}"
