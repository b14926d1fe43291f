# SPDX-FileCopyrightText: 2026 The Twill authors
# SPDX-License-Identifier: Apache-2.0
"""An attention override that runs everything dense and shows q, k and v to the profiler at some steps."""

import contextlib
import logging
from collections.abc import Callable

import torch

from twill_vdit.families import tokens_beside
from twill_vdit.running import current

from ..layouts import Family
from ..patch import forward as forwards
from ..patch.attention_call import ComfyCall, branches_of, read_call, site_of
from .gains import Sample, arguments_of, estimated_gains, gains

log = logging.getLogger("twill")

GAIN_TOKENS = 256  # that a head's share of the residual stream is measured on


def sampled(tokens: int) -> torch.Tensor:
    """The middles of equal stretches."""
    count = min(GAIN_TOKENS, tokens)
    return (2 * torch.arange(count) + 1) * tokens // (2 * count)


class ProfilingOverride:
    """profiler_at: (grid, TextTokens) -> the profiler, made at the first call, when the layout is known.

    `t_index` says at which of the profiler's times the forwards from now on stand; None: they are not measured.
    `trouble` holds the first error; measuring ends with it and the search tells it.
    """

    def __init__(
        self, profiler_at: Callable, family: Family, shape, expert: int, previous: Callable | None, prompt: int
    ) -> None:
        self.profiler_at = profiler_at
        self.family = family
        self.shape = shape
        self.expert = expert
        self.previous = previous
        self.prompt = prompt
        self.profiler = None
        self.attention: tuple | None = None  # (device, dtype) of the calls
        self.t_index: int | None = None
        self.trouble: Exception | None = None
        self.estimated = False  # of some heads only the output could be weighed

    def __call__(self, func: Callable, *args, **kwargs):
        out = func(*args, **kwargs) if self.previous is None else self.previous(func, *args, **kwargs)
        options = kwargs.get("transformer_options") or {}
        forward = options.get(forwards.KEY)
        if self.attention is None and forward is not None and args:
            self.attention = args[0].device, args[0].dtype
        if forward is not None and self.t_index is not None and self.trouble is None:
            try:
                self._observe(forward, read_call(args, kwargs), out, options)
            except Exception as error:  # the clip is still made; the search tells it
                self.trouble = error
        return out

    def _observe(self, forward, call: ComfyCall, out: torch.Tensor, options: dict) -> None:
        site = site_of(forward, options)
        if site is None or call.tokens != call.k.shape[2] or call.head_dim != self.shape.head_dim:
            return
        if call.masked:
            raise ValueError("the attention of this model has a mask, which plans cannot have")
        beside = tokens_beside(forward.side, call.tokens, forward.grid_tokens)
        if isinstance(beside, str):
            raise ValueError(f"this clip cannot be searched on: {beside}")
        profiler = self.profiler = self.profiler_at(forward.grid, beside)
        if profiler.done(self.t_index, self.prompt):
            return
        stack, layer = site
        attended = out if call.keep_heads_apart else out.unflatten(-1, (call.heads, -1)).transpose(1, 2)
        q, k, v = (x.detach() for x in (call.q, call.k, call.v))
        at = sampled(forward.grid_tokens).to(attended.device)
        for branch, part in call.rows_of(branches_of(options)):
            heads = attended[part.start].index_select(1, beside.prefix + at).transpose(0, 1).float()
            sample = Sample(heads, at, part.start, beside.prefix, call.tokens)
            gain = self._gain(forward, stack, layer, sample)
            profiler.observe(
                q[part],
                k[part],
                v[part],
                gain,
                t_index=self.t_index,
                prompt=self.prompt,
                layer=layer,
                stack=stack,
                expert=self.expert,
                branch=branch,
                scale=call.scale,
            )

    def _gain(self, forward, stack: int, layer: int, sample: Sample) -> list[float]:
        arguments = forward.noted.get("block_arguments")
        try:
            block = self.family.stacks(forward.network)[stack][layer]
            return gains(self.family.residuals[stack], block, arguments, sample)
        except Exception as error:  # a block of another build than the one that was read
            if not self.estimated:
                log.warning("heads are weighed by their output alone: %s: %s", type(error).__name__, error)
            self.estimated = True
            return estimated_gains(sample)


@contextlib.contextmanager
def arguments_noted(blocks):
    """While it holds, every block writes what it was called with into the running forward."""

    def note(module, args, kwargs):
        forward = current()
        if forward is not None:
            forward.noted["block_arguments"] = arguments_of(module, args, kwargs)

    handles = [block.register_forward_pre_hook(note, with_kwargs=True) for block in blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
